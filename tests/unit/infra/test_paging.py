"""Cursors and pages."""

from __future__ import annotations

import pytest

from flagd.errors import Invalid
from flagd.infra.paging import decode_cursor, encode_cursor, page_of


def test_a_cursor_gives_back_the_position_it_was_made_from() -> None:
    """A cursor survives the way to the caller and back."""
    position = {"key": "größe", "position": 7}
    assert decode_cursor(encode_cursor(position), "key", "position") == position


def test_no_cursor_is_no_position() -> None:
    """The first page needs no cursor."""
    assert decode_cursor(None, "key") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!!",
        encode_cursor({"other": 1}),
        encode_cursor({"key": [1]}),
        encode_cursor({"key": "a\0"}),
        encode_cursor({"key": 2**63}),
        "bnVsbA",
    ],
)
def test_a_cursor_nobody_gave_out_is_refused_by_name(text: str) -> None:
    """A made-up cursor is an error that names the parameter, never a wrong page."""
    with pytest.raises(Invalid) as caught:
        decode_cursor(text, "key")
    assert caught.value.problems[0].parameter == "cursor"


def test_the_extra_row_only_says_that_there_is_more() -> None:
    """A page shows no more than its limit, and has a cursor exactly when rows remain."""
    assert page_of([1, 2, 3], 3, lambda last: {"n": last}).next_cursor is None
    page = page_of([1, 2, 3], 2, lambda last: {"n": last})
    assert page.items == [1, 2]
    assert decode_cursor(page.next_cursor, "n") == {"n": 2}
