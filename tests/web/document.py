"""An HTML document as a tree, read with the standard library: tests look at elements, never at text alone.

Strict where browsers forgive: an element that is closed by the wrong tag, or never, is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "img", "br", "hr"})


@dataclass
class Element:
    """One element with its attributes and what is in it."""

    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        value = self.attributes[name]
        assert value is not None, f"<{self.tag} {name}> has no value"
        return value

    def get(self, name: str) -> str | None:
        """An attribute's value, None without one."""
        return self.attributes.get(name)

    def walk(self) -> Iterator[Element]:
        """This element and every one inside it, in the document's order."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        """Every element inside with this tag and these attributes; `class_` is one class among others."""
        return [element for element in self.walk() if element is not self and element.fits(tag, attributes)]

    def one(self, tag: str | None = None, **attributes: str) -> Element:
        """The only such element."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} elements {tag} {attributes} in <{self.tag} {self.attributes}>"
        return found[0]

    def fits(self, tag: str | None, attributes: dict[str, str]) -> bool:
        """Whether it has this tag and these attributes."""
        if tag is not None and tag != self.tag:
            return False
        return all(
            value in (self.get("class") or "").split() if name == "class_" else self.get(name) == value
            for name, value in attributes.items()
        )

    @property
    def text(self) -> str:
        """The text inside, with single spaces."""
        return " ".join(self._text().split())

    def _text(self) -> str:
        return "".join(child if isinstance(child, str) else child._text() for child in self.children)

    @property
    def fields(self) -> dict[str, str]:
        """What this form would send as it is."""
        return {element["name"]: element.get("value") or "" for element in self.all("input")}


def parse(text: str) -> Element:
    """The document; raises where its elements are not closed in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert [element.tag for element in reader.open] == ["document"], reader.open
    return reader.open[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(element.attributes) == len(attrs), f"an attribute twice in <{tag} {attrs}>"
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)
