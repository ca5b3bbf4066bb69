"""docs/openfeature.md says what is so."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from openfeature.event import ProviderEvent

from flagd_core import ErrorCode, Reason
from flagd_sdk.openfeature import FlagdProvider
from flagd_sdk.otel import EvaluationEvents, events

PAGE = (Path(__file__).parents[4] / "docs" / "openfeature.md").read_text(encoding="utf-8")


def test_every_option_is_described_with_its_default() -> None:
    """Each option of the provider stands in the table, with the default that it has."""
    table = dict(re.findall(r"^\| `([a-z_]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    parameters = inspect.signature(FlagdProvider).parameters.values()
    options = {
        each.name: repr(each.default) for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert table == options
    for option in inspect.signature(EvaluationEvents).parameters:
        assert option in PAGE


def test_every_word_of_an_answer_is_explained() -> None:
    """All events, reasons, error codes and attributes that can occur are on the page."""
    words = [event.value for event in ProviderEvent]
    words += [reason.value for reason in Reason]
    words += [code.value for code in ErrorCode]
    words += [
        name for name in vars(events).values() if isinstance(name, str) and name.startswith("feature_flag.")
    ]
    assert [word for word in words if f"`{word}`" not in PAGE] == []
