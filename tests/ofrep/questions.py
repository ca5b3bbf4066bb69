"""What every provider is asked, and how its answers are put into the few words that docs/ofrep.md has for them.

The table of that page is what the tests expect: it cannot say what no provider was seen to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[2] / "docs/ofrep.md"
HEAD: Final = "| asked for | "
ADA: Final = {"targetingKey": "ada"}
REFUSED: Final = "a flag, with a key that is not valid"
TOO_OFTEN: Final = "a flag, more often than the rate allows"


@dataclass(frozen=True)
class Question:
    """A flag asked for with a type, a default and a context; `value` is what it is worth where it is answered."""

    name: str
    flag: str
    type: str
    default: Any
    value: Any = None
    context: Mapping[str, Any] = field(default_factory=lambda: dict(ADA))

    def document(self) -> dict[str, Any]:
        """The question as programs in other languages are asked it."""
        return asdict(self)


QUESTIONS: Final = (
    Question("a boolean", "yes", "boolean", False, True),
    Question("false", "no", "boolean", True, False),
    Question("a text", "text", "string", "none", "blue"),
    Question("an empty text", "empty", "string", "none", ""),
    Question("an integer", "count", "integer", 7, 42),
    Question("zero", "zero", "integer", 7, 0),
    Question("9007199254740991", "large", "integer", 7, 2**53 - 1),
    Question("a float", "ratio", "float", 1.5, 0.5),
    Question("a float without a fraction", "whole", "float", 1.5, 10.0),
    Question("an object", "object", "object", {}, {"a": [1, {"b": None}], "c": "d"}),
    Question("a flag with a rule that matches", "rule", "boolean", False, True, ADA | {"plan": "beta"}),
    Question(
        "a flag with a rule that does not match", "rule", "boolean", True, False, ADA | {"plan": "free"}
    ),
    Question("a flag with a rule, without any context", "rule", "boolean", True, False, {}),
    Question(
        "a flag with a rule on a nested attribute",
        "nested",
        "boolean",
        False,
        True,
        ADA | {"account": {"plan": "beta"}},
    ),
    Question("a split", "split", "boolean", False, True),
    Question("a split, without a targeting key", "split", "boolean", False, True, {"plan": "beta"}),
    Question("a flag that is off, with an off variant", "off-value", "boolean", True, False),
    Question("a flag that is off, without an off variant", "off-none", "boolean", True),
    Question("a flag that cannot be evaluated", "broken", "boolean", False, True),
    Question("a flag that does not exist", "nowhere", "boolean", False, True),
    Question("a boolean flag as a text", "yes", "string", "none"),
    Question("a text flag as an integer", "text", "integer", 7),
    Question("an integer flag as a float", "count", "float", 1.5, 42),
    Question("a float flag without a fraction as an integer", "whole", "integer", 7, 10),
)
YES: Final = QUESTIONS[0]


def in_words(question: Question, answer: Mapping[str, Any]) -> str:
    """Whether the application got the flag's value or its own default, and why."""
    got = answer["value"]
    if got == question.value and type(got) in (type(question.value), int, float):
        what = "value"
    else:
        assert got == question.default, (question.name, answer)
        what = "default"
    return f"{what}, {answer['errorCode'] or answer['reason']}"


def documented(provider: str) -> dict[str, str]:
    """What docs/ofrep.md says about a provider, by what it is asked for."""
    lines = PAGE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(HEAD))
    rows = [_cells(line) for line in lines[start:] if line.startswith("|")]
    column = rows[0].index(provider)
    return {row[0]: row[column] for row in rows[2:]}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
