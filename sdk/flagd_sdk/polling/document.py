"""From the bytes of a snapshot to its values, with the digest of what was really sent. Pure.

The digest covers the flags and segments as their bytes stand in the document, so it is taken from the text and not from
the parsed values: nobody has to write a number exactly as the server does. What a flag means is none of its business.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import NamedTuple

_GAP = re.compile(r"[ \t\n\r]*")


class Read(NamedTuple):
    """The values of a document, and the digest of its flags and segments in hex."""

    document: dict[str, object]
    digest: str


def read(body: bytes) -> Read:
    """Parse a snapshot. ValueError for anything but one complete JSON object; RecursionError for absurd nesting."""
    reader = _Reader(body.decode("utf-8"))
    lines: dict[str, list[str]] = {"flags": [], "segments": []}

    def member(name: str) -> object:
        return reader.items(lines[name], name.removesuffix("s")) if name in lines else reader.value()

    document = reader.members(member)
    reader.finish()
    total = hashlib.sha256("".join(lines["flags"] + lines["segments"]).encode())
    return Read(document, total.hexdigest())


class _Reader:
    """Walks the outer two layers of the document by hand and leaves everything below to the JSON decoder."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder(parse_constant=_no_constant)
        self._at = 0
        self._skip_gap()

    def members(self, read_value: Callable[[str], object]) -> dict[str, object]:
        """An object whose values `read_value` reads, given their names."""
        self._expect("{")
        members: dict[str, object] = {}
        if self._found("}"):
            return members
        while True:
            name = self.value()
            if not isinstance(name, str) or name in members:
                raise ValueError(f"no name, or one that was there already, before character {self._at}")
            self._expect(":")
            members[name] = read_value(name)
            if not self._found(","):
                break
        self._expect("}")
        return members

    def items(self, lines: list[str], kind: str) -> dict[str, object]:
        """An object of flags or segments; appends a line with the digest of each to `lines`, in the order of keys."""
        digests: dict[str, str] = {}

        def item(key: str) -> object:
            start = self._at
            value, self._at = self._decoder.raw_decode(self._text, start)
            digests[key] = hashlib.sha256(self._text[start : self._at].encode()).hexdigest()
            self._skip_gap()
            return value

        items = self.members(item)
        lines.extend(f"{kind} {key} {digests[key]}\n" for key in sorted(digests))
        return items

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
