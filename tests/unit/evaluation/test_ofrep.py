"""OFREP as values: contexts in, answers out, in the shape every official provider reads."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

import flagd_core
from flagd.errors import TooLarge
from flagd.evaluation import ofrep


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

DOCUMENT: dict[str, Any] = {
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
        "grey": _flag(enabled=False),
        "split": _flag(default=SPLIT),
        "ratio": _flag(kind="float", variants={"on": 10, "off": 0.5}),
        "count": _flag(kind="integer", variants={"on": 2**53 - 1, "off": 10.0}, default={"variant": "off"}),
        "hidden": _flag(client_visible=False),
    },
}

RULES = flagd_core.load(DOCUMENT)


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


def test_an_integer_stays_one_that_every_reader_keeps() -> None:
    """An integer flag is written 10, not 10.0, and none is larger than JavaScript can hold."""
    assert b'"value":10}' in orjson.dumps(_single("count")[1])
    document = DOCUMENT | {"flags": {"huge": _flag(kind="integer", variants={"on": 2**53, "off": 0})}}
    with pytest.raises(flagd_core.DecodeError):
        flagd_core.load(document)


def test_a_flag_that_is_off_serves_its_off_variant_under_no_name_that_drops_it() -> None:
    """An off value is never labelled DISABLED: some providers then take the caller's default instead of it."""
    _, answer = _single("grey")
    assert (answer["value"], answer["variant"], answer["reason"]) == (False, "off", "STATIC")


@pytest.mark.parametrize("key", [17, 17.0, True, None, "", [], {"a": 1}])
def test_a_targeting_key_of_another_type_fails_no_flag_but_a_split(key: Any) -> None:
    """Whatever the targeting key is, flags answer; only a split asks for one it can use."""
    context = {"targetingKey": key}
    entries = {entry["key"]: entry for entry in ofrep.bulk(RULES, context, client=False)["flags"]}
    assert {name for name, entry in entries.items() if "errorCode" in entry} <= {"split"}
    assert ("value" in entries["split"]) == (key in (17, 17.0) and key is not True)


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


def _nested(levels: int) -> bytes:
    """A context whose objects and lists nest so deep, itself included."""
    return b'{"context":{"a":' + b'[{"b":' * (levels // 2) + b"1" + b"}]" * (levels // 2) + b"}}"


def test_a_context_may_nest_but_not_without_end() -> None:
    """Nested objects and lists are read up to a depth, and named as the reason beyond it; many beside are no matter."""
    deepest = ofrep.MAX_CONTEXT_NESTING - 2
    assert set(ofrep.context_of(_nested(deepest))) == {"a"}
    assert len(ofrep.context_of(orjson.dumps({"context": {str(n): {"b": [n]} for n in range(99)}}))) == 99
    with pytest.raises(ofrep.BadRequest, match="nests deeper") as caught:
        ofrep.context_of(_nested(deepest + 2))
    assert caught.value.code == "INVALID_CONTEXT"


def test_a_context_is_bounded_in_size() -> None:
    """A context of more bytes than anybody is described with is refused as too large."""
    room = ofrep.MAX_CONTEXT_BYTES - len(b'{"context":{"a":""}}')
    assert len(str(ofrep.context_of(b'{"context":{"a":"%b"}}' % (b"x" * room))["a"])) == room
    with pytest.raises(TooLarge):
        ofrep.context_of(b'{"context":{"a":"%b"}}' % (b"x" * (room + 1)))


def test_nested_metadata_never_reaches_an_answer() -> None:
    """A flag's metadata are flat: a snapshot in which they are not is refused before anything is answered from it."""
    document = dict(DOCUMENT) | {"flags": {"deep": _flag(metadata={"a": {"b": 1}})}}
    with pytest.raises(flagd_core.DecodeError, match="metadata"):
        flagd_core.load(document)


def test_every_reason_is_one_the_providers_know() -> None:
    """The Python provider looks a reason up in an enumeration and fails on any other; so there is no other."""
    known = {
        "STATIC",
        "DEFAULT",
        "TARGETING_MATCH",
        "SPLIT",
        "CACHED",
        "DISABLED",
        "STALE",
        "UNKNOWN",
        "ERROR",
    }
    assert {reason.value for reason in flagd_core.Reason} <= known


def test_a_client_key_is_not_told_what_a_flag_depends_on() -> None:
    """The names of prerequisites and layers stay on the server; what else an answer carries does not."""
    metadata = {"off": True, "prerequisite": "secret", "layer": "secret", "version": 3}
    detail = flagd_core.Detail(True, "on", flagd_core.Reason.DEFAULT, metadata=metadata)
    assert ofrep.entry("plain", detail, client=False)["metadata"] == metadata
    assert ofrep.entry("plain", detail, client=True)["metadata"] == {"off": True, "version": 3}


def test_the_tag_follows_the_body_and_the_scope() -> None:
    """Another body, or another credential's scope, is another entity tag."""
    tags = {ofrep.body_tag(b"1", "a"), ofrep.body_tag(b"2", "a"), ofrep.body_tag(b"1", "b")}
    assert len(tags) == 3


@pytest.mark.parametrize(
    "header", ['"t"', 'W/"t"', "t", '"x", "t"', "*", '"t-gzip"', 'W/"t--gzip"', '"t-br"', '"u"']
)
def test_tags_are_compared_weakly(header: str) -> None:
    """Every spelling of a tag that clients and proxies send back is recognised, whichever of ours it is."""
    assert ofrep.names_tag(header, '"t"', 'W/"u"')


@pytest.mark.parametrize("header", [None, "", '"u"', '"tt"', '"t.1"', "-gzip"])
def test_other_tags_are_not(header: str | None) -> None:
    """A tag that is not ours is answered in full."""
    assert not ofrep.names_tag(header, '"t"')
