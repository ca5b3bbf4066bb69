"""OFREP as values: contexts in, answers out, in the shape every official provider reads."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

import flagd_core
from flagd.evaluation import ofrep
from flagd.evaluation.api import _names


def _flag(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "boolean",
        "version": 3,
        "client_visible": True,
        "enabled": True,
        "variants": {"on": True, "off": False},
        "off_variant": "off",
        "default": {"variant": "on"},
        "targets": {},
        "rules": [],
        "prerequisites": [],
        "metadata": {},
    } | changes


SPLIT = {
    "split": {
        "salt": "s",
        "unit": "targetingKey",
        "algorithm": "murmur3",
        "arcs": [[50_000, "on"], [100_000, "off"]],
    }
}

RULES = flagd_core.load(
    {
        "format": 1,
        "project": "shop",
        "environment": "live",
        "lineage": "one",
        "revision": 9,
        "digest": "",
        "segments": {},
        "flags": {
            "plain": _flag(),
            "dark": _flag(enabled=False, off_variant=None),
            "split": _flag(default=SPLIT),
            "ratio": _flag(kind="float", variants={"on": 10, "off": 0.5}),
            "hidden": _flag(client_visible=False),
        },
    }
)


def _single(key: str, context: Any = None, *, client: bool = False) -> tuple[int, dict[str, Any]]:
    return ofrep.single(RULES, key, context or {}, client=client)


def test_a_success_has_every_member_providers_read() -> None:
    """Key, value, reason, variant and metadata with the flag's version and the snapshot's revision."""
    assert _single("plain", {"targetingKey": "anna"}) == (
        200,
        {
            "key": "plain",
            "value": True,
            "reason": "STATIC",
            "variant": "on",
            "metadata": {"version": 3, "revision": 9},
        },
    )


def test_a_flag_without_an_off_variant_leaves_the_value_out() -> None:
    """Off with nothing to serve is 200, DISABLED, no value (never null): the caller's default."""
    status, answer = _single("dark")
    assert status == 200
    assert (answer["reason"], answer["variant"]) == ("DISABLED", "")
    assert "value" not in answer


def test_a_split_without_a_unit_fails_alone() -> None:
    """Without a targeting key one flag of a bulk answer fails, by its code, and the others are answered."""
    assert _single("split")[0] == 400
    entries = {entry["key"]: entry for entry in ofrep.bulk(RULES, {}, client=False)["flags"]}
    assert entries["split"]["errorCode"] == "TARGETING_KEY_MISSING"
    assert entries["plain"]["value"] is True


def test_an_unknown_flag_is_404_with_its_key() -> None:
    """A flag that is not there is FLAG_NOT_FOUND."""
    status, answer = _single("nothing")
    assert (status, answer["errorCode"], answer["key"]) == (404, "FLAG_NOT_FOUND", "nothing")


def test_client_keys_do_not_learn_of_hidden_flags() -> None:
    """To a client key, a flag that is not client-visible does not exist, alone or in bulk."""
    assert _single("hidden", client=True) == (
        404,
        ofrep.failure("FLAG_NOT_FOUND", "there is no flag 'hidden'", "hidden"),
    )
    assert "hidden" not in [entry["key"] for entry in ofrep.bulk(RULES, {}, client=True)["flags"]]


def test_a_float_stays_a_float_on_the_wire() -> None:
    """A float flag whose value is whole is written 10.0, not 10."""
    assert b'"value":10.0' in orjson.dumps(_single("ratio")[1])


def test_bulk_is_in_the_order_of_keys() -> None:
    """The same flags give the same bytes, in the order of their keys."""
    keys = [entry["key"] for entry in ofrep.bulk(RULES, {"targetingKey": "anna"}, client=False)["flags"]]
    assert keys == sorted(keys)


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b'{"context":null}', b'{"context":{}}', b'{"other":1}'])
def test_a_missing_context_is_an_empty_one(body: bytes) -> None:
    """Nothing, an empty object and null all mean: no context."""
    assert ofrep.context_of(body) == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b'{"context":{"a":NaN}}', "PARSE_ERROR"),
        (b"[]", "INVALID_CONTEXT"),
        (b'"x"', "INVALID_CONTEXT"),
        (b'{"context":[]}', "INVALID_CONTEXT"),
        (b'{"context":"anna"}', "INVALID_CONTEXT"),
        (b"[" * 100_000, "PARSE_ERROR"),
    ],
)
def test_an_unusable_body_is_named(body: bytes, code: str) -> None:
    """A body that cannot be evaluated is refused with OpenFeature's word for why."""
    with pytest.raises(ofrep.BadRequest) as caught:
        ofrep.context_of(body)
    assert caught.value.code == code


def test_the_tag_follows_the_body_and_the_scope() -> None:
    """Another body, or another credential's scope, is another entity tag."""
    tags = {ofrep.body_tag(b"1", "a"), ofrep.body_tag(b"2", "a"), ofrep.body_tag(b"1", "b")}
    assert len(tags) == 3


@pytest.mark.parametrize("header", ['"t"', 'W/"t"', "t", '"x", "t"', "*", '"t-gzip"'])
def test_tags_are_compared_weakly(header: str) -> None:
    """Every spelling of the tag that clients and proxies send back is recognised."""
    assert _names(header, '"t"')


@pytest.mark.parametrize("header", [None, "", '"u"', '"tt"'])
def test_other_tags_are_not(header: str | None) -> None:
    """A tag that is not ours is answered in full."""
    assert not _names(header, '"t"')
