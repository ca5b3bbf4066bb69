"""What a client has to offer to be measured: the same for ours, for the least code, and for each peer.

An adapter writes the flags in its client's own format, hands them to the client's real public interface, and says
how an application would ask. What an application does once for each request, such as making a context object, is
not part of what is timed; what it does once for each flag is.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tests.bench.flags import Context, Flag, FlagSet

Call = Callable[[], object]


class CannotDo(Exception):
    """The client does not have what a measurement needs; the text says what."""


class Adapter(ABC):
    """One client, loaded with flags.

    distribution    what is installed, to be named with its version;  module: what an application imports
    takes_text      the client parses JSON itself: its loading is measured with parsing, ours without
    """

    distribution: ClassVar[str]
    module: ClassVar[str]
    takes_text: ClassVar[bool] = False

    @staticmethod
    @abstractmethod
    def document(flags: FlagSet) -> Any:
        """The flags in the client's format, as what JSON has. Leaves out what `call` refuses with CannotDo."""

    @classmethod
    def text(cls, flags: FlagSet) -> str:
        """The flags as the client receives them."""
        return json.dumps(cls.document(flags))

    @staticmethod
    def parse(text: str) -> Any:
        """What the client makes of the text it receives before it loads it, where it does not take text."""
        return json.loads(text)

    def parse_next(self, text: str) -> Any:
        """The same for a text that follows another one."""
        return self.parse(text)

    @abstractmethod
    def __init__(self, document: Any, sink: str) -> None:
        """Make the client and load it, with text where it takes text. `sink` is a server on this machine that
        accepts whatever is sent to it and answers nothing."""

    @abstractmethod
    def call(self, flag: Flag, context: Context) -> Call:
        """What an application writes to get this flag's value: True and False, or the variant's name."""

    @abstractmethod
    def everything(self, flags: FlagSet, context: Context) -> Call:
        """What an application writes to get the value of every flag."""

    @abstractmethod
    def replace(self, document: Any, key: str) -> None:
        """Take over a document in which only the flag `key` differs, the way the client does while it runs."""

    @staticmethod
    def values(answer: Any) -> Mapping[str, object]:
        """The values by flag in what `everything` gave."""
        result: Mapping[str, object] = answer
        return result

    @abstractmethod
    def close(self) -> None:
        """Stop what runs in the background."""
