"""LaunchDarkly's server SDK with a data source of our own in place of its stream, without events and with them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from ldclient import Context as LdContext
from ldclient import LDClient
from ldclient.config import Config
from ldclient.interfaces import UpdateProcessor
from ldclient.versioned_data_kind import FEATURES, SEGMENTS

from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Rule, Shares

_OPERATORS = {"equals": "in", "in": "in", "semver_gt": "semVerGreaterThan", "gt": "greaterThan"}
_OPERATORS |= {"ends_with": "endsWith", "segment": "segmentMatch"}


class _Source(UpdateProcessor):  # type: ignore[misc]
    """Puts a document into the client's store, as its own sources do."""

    def __init__(self, document: Any, store: Any, ready: threading.Event) -> None:
        self._document = document
        self._ready = ready
        self.store = store

    def start(self) -> None:
        self.store.init({FEATURES: self._document["flags"], SEGMENTS: self._document["segments"]})
        self._document = None
        self._ready.set()

    def stop(self) -> None:
        """Nothing runs."""

    def is_alive(self) -> bool:
        return True

    def initialized(self) -> bool:
        return self._ready.is_set()


class LaunchDarkly(Adapter):
    """Without events: it evaluates and says nothing to anybody."""

    distribution = "launchdarkly-server-sdk"
    module = "ldclient"
    events: ClassVar[bool] = False

    @staticmethod
    def document(flags: FlagSet) -> Any:
        segments = {
            key: {
                "key": key,
                "version": 1,
                "included": list(members),
                "excluded": [],
                "rules": [],
                "salt": key,
            }
            for key, members in flags.segments.items()
        }
        return {"flags": {flag.key: _flag(flag) for flag in flags.flags}, "segments": segments}

    def __init__(self, document: Any, sink: str) -> None:
        def source(config: Any, store: Any, ready: threading.Event) -> _Source:
            self._source = _Source(document, store, ready)
            return self._source

        self._client = LDClient(
            Config(
                "nobody",
                update_processor_class=source,
                send_events=self.events,
                events_uri=sink,
                diagnostic_opt_out=True,
            ),
            start_wait=30,
        )

    def call(self, flag: Flag, context: Context) -> Call:
        client, key, who = self._client, flag.key, _who(context)
        default = False if flag.is_boolean else ""
        return lambda: client.variation(key, who, default)

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client, who = self._client, _who(context)
        return lambda: client.all_flags_state(who)

    @staticmethod
    def values(answer: Any) -> Mapping[str, object]:
        result: Mapping[str, object] = answer.to_values_map()
        return result

    def replace(self, document: Any, key: str) -> None:
        # Its stream sends the changed flag alone.
        self._source.store.upsert(FEATURES, document["flags"][key] | {"version": 2})

    def close(self) -> None:
        self._client.close()


class LaunchDarklyWithEvents(LaunchDarkly):
    """With events, as it comes: every evaluation is counted and summaries are sent every five seconds."""

    events = True


def _who(context: Context) -> Any:
    builder = LdContext.builder(context["targetingKey"])
    for name, value in context.items():
        if name != "targetingKey":
            builder.set(name, value)
    return builder.build()


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "key": flag.key,
        "version": 1,
        "on": True,
        "salt": flag.key,
        "variations": [flag.value(name) for name in flag.variants],
        "offVariation": None,
        "fallthrough": _serve(flag, flag.shares),
        "targets": [],
        "prerequisites": [],
        "rules": [_rule(flag, number, rule) for number, rule in enumerate(flag.rules)],
    }


def _rule(flag: Flag, number: int, rule: Rule) -> dict[str, Any]:
    return {"id": f"{flag.key}-{number}", "clauses": [_clause(rule.condition)], **_serve(flag, rule.shares)}


def _clause(condition: Condition) -> dict[str, Any]:
    attribute = "" if condition.operator == "segment" else condition.attribute
    return {
        "attribute": attribute,
        "op": _OPERATORS[condition.operator],
        "values": list(condition.values),
        "negate": False,
    }


def _serve(flag: Flag, shares: Shares) -> dict[str, Any]:
    index = {name: number for number, name in enumerate(flag.variants)}
    if len(shares) == 1:
        return {"variation": index[next(iter(shares))]}
    weights = [{"variation": index[name], "weight": percent * 1_000} for name, percent in shares.items()]
    return {"rollout": {"variations": weights}}
