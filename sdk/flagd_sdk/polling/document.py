"""From the bytes of a snapshot to its values, with the digest of what was really sent. Pure.

The digest covers the flags and segments as their bytes stand in the document, so it is taken from the text and not from
the parsed values: nobody has to write a number exactly as the server does. What a flag means is none of its business.

A document is mostly what the one before it was. An item whose text has not changed is taken over as it is, unparsed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

_GAP = re.compile(r"[ \t\n\r]*")
_SECTIONS = {"flags": "flag", "segments": "segment"}


class Item(NamedTuple):
    """A flag or a segment of a document."""

    text: str
    """As it stands there, its key included."""
    value: object
    line: str
    """What it adds to the digest of the whole."""


Items = Mapping[str, Mapping[str, Item]]
"""The items of a document, by section and key, in the order they stand in."""
NO_ITEMS: Items = {}


class Read(NamedTuple):
    """The values of a document, the digest of its items in hex, and the items, for reading the next document."""

    document: dict[str, object]
    digest: str
    items: Items


def read(body: bytes, known: Items = NO_ITEMS) -> Read:
    """Parse a snapshot; `known` are the items of one before it, which is only a saving.

    ValueError for anything but one complete JSON object; RecursionError for absurd nesting.
    """
    text = body.decode("utf-8")
    return _walked(text, known) if known else _at_once(text) or _walked(text, known)


def _at_once(text: str) -> Read | None:
    """The document parsed in one go, which is faster and keeps each name once; its items as the server writes them.

    Where they lie is found by looking for the key that comes next. That can be wrong, and then so is the digest; None
    for that, and for a document written by somebody else.
    """
    document = json.loads(text, parse_constant=_no_constant)
    if not isinstance(document, dict) or not all(isinstance(document.get(name), dict) for name in _SECTIONS):
        return None
    if any(text.count(f'"{name}":{{') != 1 for name in _SECTIONS):
        return None
    items: dict[str, dict[str, Item]] = {}
    ends = {"flags": text.rfind('},"segments":{'), "segments": len(text) - 2}
    for name, kind in _SECTIONS.items():
        start = text.find(f'"{name}":{{') + len(name) + 4
        pieces = _pieces(text, (start, ends[name]), list(document[name]))
        values = document[name].items()
        items[name] = {
            key: _item(piece, len(key) + 3, value, f"{kind} {key}")
            for piece, (key, value) in zip(pieces, values, strict=False)
        }
        if len(items[name]) != len(values):
            return None
    found = Read(document, _digest(items), items)
    return found if found.digest == document.get("digest") else None


def _pieces(text: str, place: tuple[int, int], keys: list[str]) -> Iterator[str]:
    """The text of each item, where `keys` are those in `place` in their order; fewer where it is not so."""
    at, end = place
    for following in [*keys[1:], None]:
        stop = end if following is None else text.find(f'}},"{following}":{{', at, end) + 1
        if stop <= at:
            return
        yield text[at:stop]
        at = stop + 1


def _item(text: str, value_at: int, value: object, name: str) -> Item:
    """An item; `value_at` is where in its text the value begins."""
    return Item(text, value, f"{name} {hashlib.sha256(text[value_at:].encode()).hexdigest()}\n")


def _digest(items: Items) -> str:
    lines = (section[key].line for section in items.values() for key in sorted(section))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _walked(text: str, known: Items) -> Read:
    """The document read item by item, however it is written."""
    reader = _Reader(text)
    items: dict[str, dict[str, Item]] = {name: {} for name in _SECTIONS}
    document: dict[str, object] = {}
    for name in reader.names(document):
        if name in _SECTIONS:
            reader.items(items[name], _SECTIONS[name], known.get(name, {}))
            document[name] = {key: item.value for key, item in items[name].items()}
        else:
            document[name] = reader.value()
    reader.finish()
    return Read(document, _digest(items), items)


class _Reader:
    """Walks the outer two layers of the document by hand and leaves everything below to the JSON decoder."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder(parse_constant=_no_constant)
        self._at = 0
        self._skip_gap()

    def names(self, members: Mapping[str, object]) -> Iterator[str]:
        """The names of an object; the caller reads the value of each, and has it in `members`, before the next."""
        self._expect("{")
        if self._found("}"):
            return
        while True:
            yield self._name(members)
            if not self._found(","):
                break
        self._expect("}")

    def items(self, items: dict[str, Item], kind: str, known: Mapping[str, Item]) -> None:
        """An object of flags or segments, into `items`; those that are as in `known` are taken from there."""
        self._expect("{")
        if self._found("}"):
            return
        text, coming = self._text, iter(known.items())
        while True:
            key, item = next(coming, ("", None))
            # What is known are objects with their names, so nothing else begins like one of them and goes on.
            if item is not None and key not in items and text.startswith(item.text, self._at):
                items[key] = item
                self._at += len(item.text)
                self._skip_gap()
            else:
                found = self._read_item(items, kind)
                if item is not None and found not in known:
                    coming = chain([(key, item)], coming)
                elif found != key:
                    # Both are in order: what comes before the item found is gone.
                    any(passed == found for passed, _ in coming)
            if not self._found(","):
                break
        self._expect("}")

    def _read_item(self, items: dict[str, Item], kind: str) -> str:
        start = self._at
        key = self._name(items)
        value_at = self._at
        value, self._at = self._decoder.raw_decode(self._text, value_at)
        items[key] = _item(self._text[start : self._at], value_at - start, value, f"{kind} {key}")
        self._skip_gap()
        return key

    def value(self) -> object:
        """Any value."""
        value: object
        value, self._at = self._decoder.raw_decode(self._text, self._at)
        self._skip_gap()
        return value

    def finish(self) -> None:
        """ValueError if anything follows."""
        if self._at != len(self._text):
            raise ValueError(f"something follows the document at character {self._at}")

    def _name(self, members: Mapping[str, Any]) -> str:
        name = self.value()
        if not isinstance(name, str) or name in members:
            raise ValueError(f"no name, or one that was there already, before character {self._at}")
        self._expect(":")
        return name

    def _found(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._at):
            return False
        self._at += 1
        self._skip_gap()
        return True

    def _expect(self, mark: str) -> None:
        if not self._found(mark):
            raise ValueError(f"{mark!r} is missing at character {self._at}")

    def _skip_gap(self) -> None:
        gap = _GAP.match(self._text, self._at)
        assert gap is not None
        self._at = gap.end()


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
