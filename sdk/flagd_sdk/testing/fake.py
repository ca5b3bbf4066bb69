"""The fake client: flags in memory, read through the API of the real one. No server, no thread, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

import flagd_sdk
from flagd_core import DecodeError, Host, Ruleset, load
from flagd_sdk.errors import ConfigurationError
from flagd_sdk.exposures import Counts, Exposures
from flagd_sdk.host import follow_forks
from flagd_sdk.polling.protocol import changed_flags
from flagd_sdk.reader import FlagReader
from flagd_sdk.status import Change, Status
from flagd_sdk.testing.documents import copied, snapshot_of


class FakeFlags(FlagReader):
    """Flags that answer the same value for every context.

    The kind of a flag follows from its value: bool, str, int, float, or a dict or list (object). `None` is a flag that
    is off and has no value, which answers the caller's default. A flag that is not named is unknown, as it would be to
    the real client. Values are copied: a dict that is changed afterwards changes no flag until it is set again.
    """

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._values: dict[str, object] = {}
        self._revision = 0
        self._ruleset: Ruleset | None = None
        self._exposures = Exposures()
        self._host = Host(counter=self._exposures.counter)
        follow_forks(self._exposures)
        self._has_data = True
        self.replace({} if values is None else values)

    @property
    def revision(self) -> int:
        """How often the flags were changed."""
        return self._revision

    @property
    def status(self) -> Status:
        """That of a client which just had an answer from a server."""
        held = self._ruleset
        if held is None:
            return Status("NOT_READY")
        return Status("READY", "server", held.project, held.environment, held.lineage, held.revision, 0.0)

    def take_counts(self) -> Counts:
        """How often each flag answered with each variant since the last call, as that of `FlagClient`."""
        return self._exposures.take()

    def set(self, flag: str, value: object) -> None:
        """Give a flag a value from now on, whether it existed or not."""
        self.replace({**self._values, flag: value})

    def remove(self, flag: str) -> None:
        """Make a flag unknown; it need not exist."""
        self.replace({name: value for name, value in self._values.items() if name != flag})

    def replace(self, values: Mapping[str, object]) -> None:
        """Have exactly these flags. ConfigurationError for a value that no flag can have."""
        try:
            ruleset = load(snapshot_of(values, revision=self._revision + 1), self._ruleset, self._host)
        except DecodeError as error:
            raise ConfigurationError(f"no flag can be like this: {error}") from error
        before, status = self._ruleset, self.status
        self._revision += 1
        self._values = {flag: copied(flag, value) for flag, value in values.items()}
        self._ruleset = ruleset
        self._flags = ruleset.flags
        self._listeners.note(Change(changed_flags(before, ruleset), status, self.status))
        self._listeners.announce()

    @contextmanager
    def override(self, values: Mapping[str, object] | None = None, /, **more: object) -> Iterator[FakeFlags]:
        """Change some flags for the time of a with block: `override({"new-checkout": True}, color="red")`."""
        before = self._values
        self.replace({**before, **(values or {}), **more})
        try:
            yield self
        finally:
            self.replace(before)

    @contextmanager
    def as_default(self) -> Iterator[FakeFlags]:
        """Have `flagd_sdk.is_enabled` and its siblings read these flags for the time of a with block."""
        before = flagd_sdk.use(self)
        try:
            yield self
        finally:
            flagd_sdk.use(before)

    def __enter__(self) -> FakeFlags:  # noqa: PYI034 (typing.Self needs Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
