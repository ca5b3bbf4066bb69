"""The table of docs/ofrep.md is about what the providers are asked, all of it and nothing else."""

from __future__ import annotations

from .questions import QUESTIONS, REFUSED, TOO_OFTEN, documented


def test_the_page_has_a_row_for_each_question() -> None:
    """Nothing is documented that no provider is asked, and nothing is asked that is not documented."""
    names = [*(question.name for question in QUESTIONS), REFUSED, TOO_OFTEN]
    for provider in ("Python", "JavaScript, server", "JavaScript, web"):
        assert list(documented(provider)) == names
