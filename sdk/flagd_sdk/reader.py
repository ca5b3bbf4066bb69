"""The read API, the same for the polling client, the fake one and the module-level functions.

Nothing here does I/O, waits, or raises: whatever goes wrong is the caller's default, a reason, and one line in the log.
The argument order is flag, context, default everywhere; the default is a keyword, except in `is_enabled`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flagd_core import NO_VALUE, CompiledFlag, Detail, ErrorCode, Reason
from flagd_core.model import TARGETING_KEY
from flagd_sdk.exposures import Counts
from flagd_sdk.status import Listener, Listeners, Status

ContextLike = str | Mapping[str, object] | None
Structure = Mapping[str, Any] | Sequence[Any]

_MOST_LOGGED = 1000
_log = logging.getLogger("flagd_sdk")


class FlagReader:
    """Reads flags from a mapping that a subclass keeps up to date by replacing it whole."""

    _flags: Mapping[str, CompiledFlag]
    _has_data: bool
    # True until the subclass has done what the first use in this process calls for; see `_wake`.
    _asleep: bool
    # Every process that does not wait with ready() passes through this, so it is no warning.
    _not_ready = (
        logging.INFO,
        "read before there was a snapshot; answering the caller's default (see ready())",
    )

    def __init__(self) -> None:
        self._flags = {}
        self._has_data = False
        self._asleep = False
        self._once = _OnceLog()
        self._listeners = Listeners()

    def is_enabled(self, flag: str, context: ContextLike = None, default: bool = False) -> bool:
        """The value of a boolean flag. A flag of another kind, an unknown one or one without a value: `default`."""
        if self._asleep:
            self._wake()
        # Written out, not shared with _detail: this is the hot path, and a call costs as much as the look-up.
        try:
            compiled = self._flags[flag]
            detail = compiled.constant or compiled.evaluate(context)
        except Exception as error:  # noqa: BLE001 (never raise out of an evaluation)
            detail = self._failure(flag, error)
        next(detail.uses)
        value = detail.value
        if value is True or value is False:
            return value
        self._fell_back(flag, detail, "a boolean")
        return default

    def get_boolean(self, flag: str, context: ContextLike = None, *, default: bool) -> bool:
        """The value of a boolean flag, else `default`."""
        return self.is_enabled(flag, context, default)

    def get_string(self, flag: str, context: ContextLike = None, *, default: str) -> str:
        """The value of a string flag, else `default`."""
        detail = self._detail(flag, context)
        value = detail.value
        if isinstance(value, str):
            return value
        self._fell_back(flag, detail, "a string")
        return default

    def get_int(self, flag: str, context: ContextLike = None, *, default: int) -> int:
        """The value of an integer flag, or of a float flag whose value is integral (3.0), else `default`."""
        detail = self._detail(flag, context)
        value = as_integer(detail.value)
        if value is not None:
            return value
        self._fell_back(flag, detail, "an integer")
        return default

    def get_float(self, flag: str, context: ContextLike = None, *, default: float) -> float:
        """The value of a float flag, or of an integer flag whose value a float holds exactly, else `default`."""
        detail = self._detail(flag, context)
        value = as_float(detail.value)
        if value is not None:
            return value
        self._fell_back(flag, detail, "a float")
        return default

    def get_object(self, flag: str, context: ContextLike = None, *, default: Structure) -> Structure:
        """The value of an object flag, a mapping or a sequence, else `default`. Read-only: calls share it."""
        detail = self._detail(flag, context)
        value = as_structure(detail.value)
        if value is not None:
            return value
        self._fell_back(flag, detail, "an object")
        return default

    def evaluate(self, flag: str, context: ContextLike = None, *, default: object = None) -> Detail:
        """The value with the variant, the reason, the rule, the error and the flag's metadata.

        Where the flag has no value for this context, `value` is `default`; reason and error_code say why.
        """
        detail = self._detail(flag, context)
        if detail.value is not NO_VALUE:
            return detail
        self._fell_back(flag, detail, "a value")
        code, message = detail.error_code, detail.error_message
        return Detail(default, detail.variant, detail.reason, code, message, detail.metadata, detail.rule)

    def evaluate_all(self, context: ContextLike = None) -> dict[str, Detail]:
        """The answer of every flag for one context, by key; `Detail.value` is NO_VALUE where a flag has none.

        Nothing is counted: that an answer was made does not mean that anybody was shown it.
        """
        if self._asleep:
            self._wake()
        if type(context) is str:  # A saving, and isinstance runs code of the caller's.
            context = {TARGETING_KEY: context}
        answers: dict[str, Detail] = {}
        for key, flag in self._flags.items():
            try:
                answers[key] = flag.constant or flag.evaluate(context)
            except Exception as error:  # noqa: BLE001 (never raise out of an evaluation)
                answers[key] = self._failure(key, error)
        return answers

    @property
    def revision(self) -> int | None:
        """The revision of the snapshot that answers now; None while there is none."""
        return None

    @property
    def status(self) -> Status:
        """How the reader is doing."""
        return Status("NOT_READY")

    def take_counts(self) -> Counts:
        """How often each flag answered with each variant since the last call; empty where nothing is counted."""
        return {}

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Have `listener(change)` called whenever flags or status changed; returns the function that ends that.

        It is called after the change is in force, by the thread that found it or made it: the one that polls, as a
        rule, which polls no more until the listener returns. What it raises is logged.
        """
        return self._listeners.add(listener)

    def ready(self, timeout: float = 5.0) -> bool:
        """Wait at most `timeout` seconds for flags; whether there are any to answer from."""
        return self._has_data

    def refresh(self) -> bool:
        """Look for newer flags now; whether what is held is known to be current."""
        return self._has_data

    def close(self) -> None:
        """Stop what runs. Evaluations go on from the last flags."""

    def _wake(self) -> None:
        """Called at the first use in a process, while `_asleep` is True. Must neither raise nor wait."""

    def _detail(self, flag: str, context: ContextLike) -> Detail:
        if self._asleep:
            self._wake()
        try:
            compiled = self._flags[flag]
            detail = compiled.constant or compiled.evaluate(context)
        except Exception as error:  # noqa: BLE001 (never raise out of an evaluation)
            return self._failure(flag, error)
        next(detail.uses)
        return detail

    def _failure(self, flag: str, error: Exception) -> Detail:
        """The answer when the look-up or the evaluation raised."""
        if not issubclass(type(flag), str):  # isinstance would run code of the caller's.
            return _no_value(ErrorCode.FLAG_NOT_FOUND, "the name of a flag is a string")
        flag = str.__str__(flag)
        if flag in self._flags:
            text = "evaluation raised; answering the caller's default"
            self._once.say(logging.ERROR, flag, ErrorCode.GENERAL, text, error)
            return _no_value(ErrorCode.GENERAL, f"evaluation raised {type(error).__name__}")
        if not self._has_data:
            return _no_value(*self._no_data())
        return _no_value(ErrorCode.FLAG_NOT_FOUND, "there is no such flag in this environment")

    def _no_data(self) -> tuple[ErrorCode, str]:
        """Why there is nothing to answer from."""
        return ErrorCode.PROVIDER_NOT_READY, "there is no snapshot yet"

    def _fell_back(self, flag: object, detail: Detail, wanted: str) -> None:
        """Log, once, why the caller gets the default. A flag that is off says so on purpose: nothing to log."""
        if detail.value is not NO_VALUE:
            text = f"the value is not {wanted} (TYPE_MISMATCH); answering the caller's default"
            self._once.say(logging.WARNING, _name(flag), f"{ErrorCode.TYPE_MISMATCH}, {wanted}", text)
        elif detail.error_code is ErrorCode.PROVIDER_NOT_READY:
            level, text = self._not_ready
            self._once.say(level, "flags", detail.error_code, text)
        elif detail.error_code is ErrorCode.PROVIDER_FATAL:
            # An error when it happened, and logged as one by whoever found it.
            text = f"{detail.error_message}; answering the caller's default"
            self._once.say(logging.INFO, "flags", detail.error_code, text)
        elif detail.error_code is not None:
            text = f"{detail.error_message} ({detail.error_code}); answering the caller's default"
            self._once.say(logging.WARNING, _name(flag), detail.error_code, text)


def _name(flag: object) -> str:
    """What a flag is called in the log, without running code of the caller's."""
    kind = type(flag)
    return str.__str__(flag) if issubclass(kind, str) else f"(a flag named by a {kind.__name__})"


def _no_value(code: ErrorCode, message: str) -> Detail:
    return Detail(NO_VALUE, None, Reason.ERROR, code, message)


def as_boolean(value: object) -> bool | None:
    """True or False; None for anything else."""
    return value if isinstance(value, bool) else None


def as_string(value: object) -> str | None:
    """A text; None for anything else."""
    return value if isinstance(value, str) else None


def as_integer(value: object) -> int | None:
    """An integer, or a float that is one (3.0); None for anything else. True and False are no numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def as_float(value: object) -> float | None:
    """A float, or an integer that a float holds exactly; None for anything else. True and False are no numbers."""
    if isinstance(value, float):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        widened = float(value)
    except OverflowError:
        return None
    return widened if widened == value else None


def as_structure(value: object) -> Structure | None:
    """A dict or a list; None for anything else."""
    return value if isinstance(value, (dict, list)) else None


class _OnceLog:
    """Says each thing once, in bounded memory: when that is full it says so, and then nothing new any more."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def say(
        self, level: int, subject: str, cause: str, text: str, error: BaseException | None = None
    ) -> None:
        """Log `subject: text`, unless this subject and cause were logged before."""
        said = (subject[:200], cause)
        if said in self._said or len(self._said) > _MOST_LOGGED:
            return
        self._said.add(said)
        if len(self._said) > _MOST_LOGGED:
            _log.warning("%d different problems with flags were logged; further ones are not", _MOST_LOGGED)
            return
        _log.log(level, "%s: %s", said[0], text, exc_info=error)
