"""Regular expressions: RE2's, linear, and harmless where RE2 is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core import ErrorCode, load
from flagd_core.operators import OPERATORS, regex
from tests.unit.core.documents import ON, answer, document, flag, leaf, rule


def matches(pattern: str, value: object) -> bool | None:
    """What the operator says of an attribute."""
    return OPERATORS["regex"].build([pattern], False)(value)


@pytest.fixture
def without_re2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which google-re2 is not installed."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(regex, "import_module", missing)
    regex._re2.cache_clear()
    yield
    regex._re2.cache_clear()


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("B", "abc", False),
        ("(?i)B", "abc", True),
        ("^1$", 1, True),
        ("^1$", 1.0, True),
        ("^true$", True, True),
        ("^x", ["a", "xy"], True),
        ("x", {"a": "x"}, None),
        ("^.$", "é", True),
        (".", "\ud800", False),
        ("a.c", "a\nc", False),
        ("", "anything", True),
    ],
)
def test_a_pattern_is_searched_for(pattern: str, value: object, expected: bool | None) -> None:
    """A pattern is found anywhere in the canonical text, characters count as characters, anchors are explicit."""
    assert matches(pattern, value) is expected


def test_catastrophic_patterns_are_linear() -> None:
    """What takes a backtracking engine for ever is answered at once: a hundred thousand characters, nested repeats."""
    assert matches("^(a+)+$", "a" * 100_000 + "b") is False
    assert matches("^(a|aa)+$", "a" * 100_000 + "b") is False


def test_what_needs_much_memory_is_refused() -> None:
    """Repeats of repeats do not fill the memory: the pattern is refused."""
    assert regex.refuse("((a{100}){100}){100}") is not None
    assert regex.refuse("(\\pL{500}\\pN{500})") is not None


def test_a_pattern_that_is_none_breaks_its_flag_alone() -> None:
    """A pattern that RE2 refuses makes its flag answer ERROR, never the snapshot."""
    condition = leaf("a", "regex", "(?=x)")
    rules = load(document({"odd": flag(rules=[rule(condition, ON, "r")]), "fine": flag(default=ON)}))

    assert rules.evaluate("odd", {"a": "x"}).error_code is ErrorCode.PARSE_ERROR
    assert "invalid perl operator" in str(rules.evaluate("odd").error_message)
    assert rules.evaluate("fine").value is True


@pytest.mark.usefixtures("without_re2")
def test_without_re2_only_flags_with_patterns_fail() -> None:
    """Where google-re2 is not installed, flags that use a pattern answer ERROR and say why; all others work."""
    condition = leaf("a", "regex", "x")
    rules = load(document({"odd": flag(rules=[rule(condition, ON, "r")]), "fine": flag(default=ON)}))

    detail = rules.evaluate("odd", {"a": "x"})

    assert detail.error_code is ErrorCode.PARSE_ERROR
    assert "google-re2" in str(detail.error_message)
    assert rules.evaluate("fine").value is True


def test_a_rule_by_pattern_matches() -> None:
    """A rule with a pattern serves those whose attribute matches; below a `not`, a missing attribute does not."""
    condition = leaf("email", "regex", r"@example\.(com|org)$")
    served = flag(rules=[rule(condition, ON, "r")])
    negated = flag(rules=[rule({"not": condition}, ON, "r")])

    assert answer(served, {"email": "a@example.org"}).value is True
    assert answer(served, {"email": "a@example.net"}).value is False
    assert answer(negated, {"email": "a@example.net"}).value is True
    assert answer(negated, {}).value is False


@given(pattern=st.text(max_size=30), text=st.text(max_size=200))
def test_any_pattern_is_safe(pattern: str, text: str) -> None:
    """Any text is either refused as a pattern or answers yes or no for any attribute."""
    if regex.refuse(pattern) is None:
        assert matches(pattern, text) in (True, False)
