"""What the core is lent by the program it runs in, because it has none of its own: a clock, and counters.

Plain values: this module must never read a clock or count anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

Clock = Callable[[], float]
"""Seconds since 1970."""
Counter = Callable[[str, "str | None"], Iterator[int]]
"""For a flag and a variant (None: no value), the iterator whose every step counts one more use. It must never end,
and must be safe to use from any thread: an `itertools.count`."""


class Host(NamedTuple):
    """What rulesets use of the program around them."""

    clock: Clock | None = None
    """Gives flags that ask for it the attribute `now`; None: a context has it, or it is missing."""
    counter: Counter | None = None
    """Makes what `Detail.uses` counts on; None: nothing is counted."""


BARE: Final = Host()
"""Of which nothing is lent."""
