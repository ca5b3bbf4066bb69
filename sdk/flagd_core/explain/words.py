"""An explanation in sentences, for people: one line for each step, those of a step below it indented.

Pure: it reads what trace wrote, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

Explanation = dict[str, Any]

_INDENT: Final = "  "


def sentences(explanation: Explanation) -> list[str]:
    """The explanation in lines; the last one is the answer."""
    return [*_steps(explanation, "steps"), _answer(explanation)]


def _steps(above: Explanation, name: str) -> Iterator[str]:
    """The lines of the steps in a member, and of how many are left out among them."""
    steps = above.get(name, [])
    yield from _each(steps)
    left_out = above.get(f"{name}_left_out", 0) - sum(map(_left_out, steps))
    if left_out:
        yield f"({_counted(left_out)} left out.)"


def _left_out(step: Explanation) -> int:
    """How many steps below this one are left out, which it says itself."""
    below: int = step.get("of_left_out", 0) + step.get("explanation", {}).get("steps_left_out", 0)
    return below


def _counted(steps: int) -> str:
    return "1 step is" if steps == 1 else f"{steps:,} steps are"


def _each(steps: list[Explanation]) -> Iterator[str]:
    for step in steps:
        for name, describe in _STEPS.items():
            if name in step:
                yield from describe(step)
                break


def _indented(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (_INDENT + line for line in lines)


def _prerequisite(step: Explanation) -> Iterator[str]:
    served = "no variant" if step["served"] is None else repr(step["served"])
    wanted = " or ".join(map(repr, step["accepted"])) or "no variant at all"
    if "accepted_left_out" in step:
        wanted += f" or one of {step['accepted_left_out']} more"
    met = "met" if step["met"] else "not met"
    line = (
        f"The prerequisite {step['prerequisite']!r} is {met}: it serves {served}, and {wanted} is asked for."
    )
    if "explained" in step:
        yield f"{line} It is explained above."
    else:
        yield line
        yield from _indented(sentences(step["explanation"]))


def _target(step: Explanation) -> Iterator[str]:
    if step["variant"] is not None:
        yield f"{_value(step['target'])} is an individual target of {step['variant']!r}."
    elif step["target"] is None:
        yield "The context has no targeting key, so it is no individual target."
    else:
        yield f"{_value(step['target'])} is no individual target."


def _layer(step: Explanation) -> Iterator[str]:
    if step["slot"] is None:
        yield f"The layer {step['layer']!r} goes by {step['attribute']!r}, of which the context has no usable value."
    else:
        part = "part of" if step["admitted"] else "not part of"
        place = f"slot {step['slot']:,} of the layer {step['layer']!r}"
        yield f"{_value(step['unit'])} ({step['attribute']}) is on {place}, which is {part} this flag's share."


def _rule(step: Explanation) -> Iterator[str]:
    yield f"The rule {step['rule']!r}: {step['verdict']}."
    yield from _indented(_steps(step, "of"))


def _combined(step: Explanation) -> Iterator[str]:
    yield f"{step['combined']} of these: {step['verdict']}."
    yield from _indented(_steps(step, "of"))


def _segment(step: Explanation) -> Iterator[str]:
    listed = f"; the key is {step['listed']} by name" if step["listed"] else ""
    above = ", as explained above" if "explained" in step else ""
    yield f"the segment {step['segment']!r}: {step['verdict']}{listed}{above}."
    yield from _indented(_steps(step, "of"))


def _leaf(step: Explanation) -> Iterator[str]:
    saw = "is missing" if step["saw"] is None else f"is {_value(step['saw'])}"
    if "saw_left_out" in step:
        saw += f" and {step['saw_left_out']} more"
    values = ", ".join(map(_value, step["values"]))
    if "values_left_out" in step:
        values += f" and {step['values_left_out']} more"
    wanted = f"{step['op']} {values}".rstrip()
    yield f"{step['attribute']} {saw}; {wanted}: {step['verdict']}."


def _split(step: Explanation) -> Iterator[str]:
    if "slot" not in step:
        yield f"The split goes by {step['split']!r}, of which the context has no usable value."
        return
    begin, end = step["arc"]
    place = f"{_number(step['slot'])} of {step['ring']:,}, between {begin:,} and {end:,}"
    yield f"The split puts {_value(step['unit'])} ({step['split']}) on slot {place}: {step['variant']!r}."


def _answer(explanation: Explanation) -> str:
    reason = explanation["reason"]
    if "error_code" in explanation:
        return f"{explanation['flag']!r} has no answer: {explanation['error_message']} ({explanation['error_code']})."
    why = f"{reason}, rule {explanation['rule']!r}" if "rule" in explanation else str(reason)
    why += _because(explanation)
    if explanation["variant"] is None:
        return f"{explanation['flag']!r} serves no variant, so the caller's default applies ({why})."
    return f"{explanation['flag']!r} serves {explanation['variant']!r} ({why})."


def _because(explanation: Explanation) -> str:
    """Why rules and default were not asked; told by the steps, for metadata may say anything."""
    last = explanation["steps"][-1] if explanation["steps"] else {}
    if not explanation["enabled"]:
        return ", because the flag is off"
    if last.get("met") is False:
        return f", because the prerequisite {last['prerequisite']!r} is not met"
    if last.get("admitted") is False:
        return f", because the unit is outside the flag's share of the layer {last['layer']!r}"
    return ""


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6f}"


# What tells a step apart, in the order in which to look: a rule may hold what a condition has too.
_STEPS: Final = {
    "prerequisite": _prerequisite,
    "target": _target,
    "layer": _layer,
    "rule": _rule,
    "split": _split,
    "combined": _combined,
    "segment": _segment,
    "op": _leaf,
}
