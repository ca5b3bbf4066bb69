"""The evaluation context helper: a frozen mapping, for callers who want the targeting key to have a name.

Reads no flag and does no I/O. A plain `str` or any mapping serves equally well wherever a Context is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

TARGETING_KEY = "targetingKey"


class Context(Mapping[str, object]):
    """`Context("user-17", plan="pro")` is the mapping `{"targetingKey": "user-17", "plan": "pro"}`, frozen."""

    __slots__ = ("_attributes",)

    def __init__(self, targeting_key: str | None = None, /, **attributes: object) -> None:
        if targeting_key is not None:
            attributes[TARGETING_KEY] = targeting_key
        self._attributes = attributes

    @classmethod
    def of(cls, attributes: Mapping[str, object]) -> Context:
        """A context of attributes whose names are not Python identifiers ("device.os")."""
        return cls(**attributes)

    @property
    def targeting_key(self) -> str | None:
        key = self._attributes.get(TARGETING_KEY)
        return key if isinstance(key, str) else None

    def with_attributes(self, **attributes: object) -> Context:
        """A new context with these attributes added or replaced; this one stays as it is."""
        return Context(**{**self._attributes, **attributes})

    def __getitem__(self, name: str) -> object:
        return self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __repr__(self) -> str:
        return f"Context({self._attributes!r})"
