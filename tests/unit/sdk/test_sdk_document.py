"""Reading a snapshot: its values, its digest, and what is taken over from the one before."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_sdk.polling import document
from flagd_sdk.polling.document import NO_ITEMS, read

KEYS = st.text("abc.-_019", min_size=1, max_size=4)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), each, max_size=3),
    max_leaves=8,
)
SECTION = st.dictionaries(KEYS, st.dictionaries(KEYS | st.just("segments"), VALUES, max_size=3), max_size=5)


def compact(value: object) -> str:
    """JSON as the server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def digest_of(flags: dict[str, Any], segments: dict[str, Any]) -> str:
    """The digest by its definition."""
    lines = [
        f"flag {key} {hashlib.sha256(compact(flags[key]).encode()).hexdigest()}\n" for key in sorted(flags)
    ]
    lines += [
        f"segment {key} {hashlib.sha256(compact(segments[key]).encode()).hexdigest()}\n"
        for key in sorted(segments)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def snapshot(flags: dict[str, Any], segments: dict[str, Any], **head: Any) -> bytes:
    """A snapshot as the server sends it."""
    members = {"digest": digest_of(flags, segments), "format": 1, "revision": 7} | head
    text = f'{compact(members)[:-1]},"flags":{compact(flags)},"segments":{compact(segments)}}}'
    return text.encode()


@given(flags=SECTION, segments=SECTION)
def test_values_and_digest_are_those_of_the_text(flags: dict[str, Any], segments: dict[str, Any]) -> None:
    """Whatever flags and segments hold, the values are what JSON says and the digest is of the bytes that came."""
    body = snapshot(flags, segments)

    found = read(body)

    assert found.document == json.loads(body)
    assert found.digest == digest_of(flags, segments)


@given(old=SECTION, new=SECTION, kept=SECTION, segments=SECTION)
def test_knowing_the_one_before_changes_nothing(
    old: dict[str, Any], new: dict[str, Any], kept: dict[str, Any], segments: dict[str, Any]
) -> None:
    """Flags added, changed, removed and kept in any mixture read the same with and without the document before."""
    before, body = read(snapshot(old | kept, segments)), snapshot(new | kept, segments, revision=8)

    again, alone = read(body, before.items), read(body)

    assert (again.document, again.digest) == (alone.document, alone.digest)
    assert {name: list(items) for name, items in again.items.items()} == {
        name: list(items) for name, items in alone.items.items()
    }


def many(changed: int | None = None, without: frozenset[int] = frozenset()) -> dict[str, Any]:
    """Two hundred flags."""
    return {
        f"flag-{number:03}": {"on": number == changed, "n": number}
        for number in range(200)
        if number not in without
    }


def test_what_did_not_change_is_the_very_same_object() -> None:
    """Items with the same text are taken over, so that whoever compares them need not look inside."""
    before = read(snapshot(many(), {}))

    after = read(snapshot(many(changed=100, without=frozenset({50, 51, 150})), {}), before.items)

    old, new = before.items["flags"], after.items["flags"]
    assert [key for key in new if new[key] is not old[key]] == ["flag-052", "flag-100", "flag-151"]
    assert after.document["flags"] == many(changed=100, without=frozenset({50, 51, 150}))


def test_only_what_changed_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two hundred flags of which one changed, one is parsed and hashed."""
    before = read(snapshot(many(), {}))
    calls = 0
    original = document._item

    def counting(*parts: Any) -> Any:
        nonlocal calls
        calls += 1
        return original(*parts)

    monkeypatch.setattr(document, "_item", counting)
    read(snapshot(many(changed=7), {}), before.items)

    assert calls == 1


@pytest.mark.parametrize("indent", [None, 1, "\t"])
def test_other_ways_of_writing_are_read_too(indent: Any) -> None:
    """A document with spaces, or with its members in another order, has the digest of its own bytes."""
    flags = {"a": {"x": [1.0, "é"]}, "b": {}}
    text = json.dumps({"segments": {}, "flags": flags, "revision": 1}, indent=indent, ensure_ascii=False)

    found = read(text.encode())

    assert found.document == json.loads(text)
    for key, item in found.items["flags"].items():
        assert json.loads("{" + item.text + "}") == {key: flags[key]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        '{"flags":{}',
        '{"flags":{},"segments":{}}x',
        '{"flags":{},"flags":{},"segments":{}}',
        '{"flags":{"a":{},"a":{}},"segments":{}}',
        '{"flags":{"a":NaN},"segments":{}}',
        '{"flags":{"a":{},},"segments":{}}',
        '{"flags":{"a" {}},"segments":{}}',
        '\ufeff{"flags":{},"segments":{}}',
    ],
)
@pytest.mark.parametrize("known", [NO_ITEMS, read(snapshot({"a": {}}, {})).items], ids=["first", "next"])
def test_what_is_no_document_is_refused(text: str, known: Any) -> None:
    """Anything but one complete JSON object, each name once, is a ValueError, with or without one before it."""
    with pytest.raises(ValueError):  # noqa: PT011 - JSONDecodeError is one, and so are ours
        read(text.encode(), known)


def test_bytes_that_are_no_text_are_refused() -> None:
    """What is not UTF-8 is a ValueError too."""
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeDecodeError
        read(b'{"flags":"\xff"}')
