"""What an explanation writes down, and how much of it: each step under the one that led to it, within limits.

Pure: this module must never know what a step means. Steps beyond the limits are counted, and not kept; what is below
them is not even counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

Explanation = dict[str, Any]
"""A JSON object."""

MAX_STEPS: Final = 1_000
"""Steps that an explanation shows."""
MAX_DEPTH: Final = 64
"""How deep a step may be to be shown. Each level takes two of JSON's, three where a prerequisite is explained;
writers of JSON give up at about 250."""
MAX_CHARACTERS: Final = 200_000
"""Characters of all texts in the steps shown; the step that reaches it is the last one."""


class Step:
    """One step under way: what was noted below it so far, and how many steps below it were not."""

    __slots__ = ("_said", "depth", "left_out", "shown", "steps")

    def __init__(self, depth: int, shown: bool) -> None:
        self.depth = depth
        self.shown = shown
        self.steps: list[Explanation] = []
        self.left_out = 0
        self._said: Explanation = {}

    def below(self, name: str) -> Explanation:
        """The steps below it, as members of what it says."""
        counted = {f"{name}_left_out": self.left_out} if self.left_out else {}
        return {name: self.steps} | counted if self.steps else counted

    def say(self, said: Explanation) -> None:
        """What is shown of it; only asked of one that is shown."""
        self._said = said

    def end(self, above: Step) -> None:
        """Puts it under the one that led to it."""
        if self.shown:
            above.steps.append(self._said)
            above.left_out += self.left_out
        else:
            above.left_out += 1


class Record:
    """The steps of one explanation. Whether a step is shown is known before those below it."""

    def __init__(self) -> None:
        self.root = Step(0, shown=True)
        self._under_way = [self.root]
        self._steps = 0
        self._characters = 0

    @property
    def has_room(self) -> bool:
        """Whether a further step is shown, if it is not too deep."""
        return self._steps < MAX_STEPS and self._characters < MAX_CHARACTERS

    @contextmanager
    def step(self) -> Iterator[Step]:
        """Collects what is noted meanwhile below a step, which is to say what is shown of it.

        A step that raises has no verdict, and is not noted.
        """
        above = self._under_way[-1]
        step = Step(above.depth + 1, above.shown and above.depth < MAX_DEPTH and self.has_room)
        self._steps += step.shown
        self._under_way.append(step)
        try:
            yield step
        finally:
            self._under_way.pop()
        step.end(above)

    def count(self, members: Explanation) -> None:
        """The texts of a step that is shown, but for the steps below it."""
        self._characters += _characters(members)


def _characters(members: Mapping[str, Any]) -> int:
    count = 0
    for value in members.values():
        if isinstance(value, str):
            count += len(value)
        elif isinstance(value, list):
            count += sum(len(each) for each in value if isinstance(each, str))
        elif isinstance(value, Mapping):
            count += _characters(value)
    return count
