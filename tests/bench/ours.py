"""flagd's own client, as any application uses it: FlagClient with a snapshot it was given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import flagd_core
from flagd_sdk import FlagClient
from flagd_sdk.polling.document import Read, read
from flagd_sdk.polling.protocol import Source
from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Rule, Shares

SLOTS = 100_000


class Flagd(Adapter):
    """Nobody answers the client's polls. It counts as it always does: there is no switch."""

    distribution = "flagd-sdk"
    module = "flagd_sdk"

    @staticmethod
    def document(flags: FlagSet) -> Any:
        segments = {
            key: {"included": list(members), "excluded": [], "if": None}
            for key, members in flags.segments.items()
        }
        return {
            "format": 1,
            "project": "bench",
            "environment": "bench",
            "lineage": "bench",
            "revision": 1,
            "digest": "",
            "flags": {flag.key: _flag(flag) for flag in flags.flags},
            "segments": segments,
        }

    @classmethod
    def text(cls, flags: FlagSet) -> str:
        # As the server writes it: compact, in order, with the digest of every item.
        document = cls.document(flags)
        flags_text, segments_text = _compact(document.pop("flags")), _compact(document.pop("segments"))
        items = f'"flags":{flags_text},"segments":{segments_text}'
        document["digest"] = read(f"{{{items}}}".encode()).digest
        return f"{_compact(document)[:-1]},{items}}}"

    @staticmethod
    def parse(text: str) -> Any:
        # With the digest of all flags: what a poll has to do before it may trust what came.
        return read(text.encode())

    def parse_next(self, text: str) -> Any:
        return read(text.encode(), self._client._state.items)

    def __init__(self, document: Any, sink: str) -> None:
        # As the poller does with what it read: a bootstrap would be copied first.
        self._client = FlagClient("http://127.0.0.1:1", "nobody", poll_interval=3600)
        self._take(document)

    def _take(self, found: Read) -> None:
        state = self._client._state
        ruleset = flagd_core.load(found.document, state.ruleset, state.host)
        self._client.take(state._replace(ruleset=ruleset, source=Source.SERVER, items=found.items))

    def call(self, flag: Flag, context: Context) -> Call:
        client, key = self._client, flag.key
        if flag.is_boolean:
            return lambda: client.is_enabled(key, context)
        return lambda: client.get_string(key, context, default="")

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client = self._client
        return lambda: client.evaluate_all(context)

    @staticmethod
    def values(answer: Any) -> Mapping[str, object]:
        return {key: detail.value for key, detail in answer.items()}

    def replace(self, document: Any, key: str) -> None:
        before = self._client._flags[key]
        self._take(document)
        assert self._client._flags[key] is not before

    def close(self) -> None:
        self._client.close()


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "kind": "boolean" if flag.is_boolean else "string",
        "version": 1,
        "client_visible": False,
        "enabled": True,
        "variants": {name: flag.value(name) for name in flag.variants},
        "off_variant": None,
        "default": _serve(flag.key, flag.shares),
        "targets": {},
        "rules": [_rule(f"{flag.key}-{number}", rule) for number, rule in enumerate(flag.rules)],
        "prerequisites": [],
        "metadata": {},
    }


def _rule(name: str, rule: Rule) -> dict[str, Any]:
    return {"id": name, "if": _condition(rule.condition), "serve": _serve(name, rule.shares)}


def _condition(condition: Condition) -> dict[str, Any]:
    attribute, operator, values = condition
    if operator == "segment":
        return {"segment": values[0]}
    return {"attribute": attribute, "op": operator, "values": list(values)}


def _serve(salt: str, shares: Shares) -> dict[str, Any]:
    if len(shares) == 1:
        return {"variant": next(iter(shares))}
    arcs, end = [], 0
    for variant, percent in shares.items():
        end += percent * SLOTS // 100
        arcs.append([end, variant])
    return {"split": {"salt": salt, "unit": "targetingKey", "algorithm": "murmur3", "arcs": arcs}}
