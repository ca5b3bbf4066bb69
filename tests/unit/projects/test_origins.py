"""Origins of web pages: which texts are one, and what is said about the others."""

from __future__ import annotations

import pytest

from flagd.projects.origins import MAX_ORIGINS, origins_problems


def _why(origin: str) -> str | None:
    problems = origins_problems([origin], "/client_origins")
    assert all(problem.pointer == "/client_origins/0" for problem in problems)
    return problems[0].detail if problems else None


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://shop.example.com",
        "https://shop.example.com:8443",
        "http://localhost:3000",
        "http://127.0.0.1:8090",
        "http://[::1]:3000",
        "https://xn--mnchen-3ya.example",
        "https://internal_host",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
    ],
)
def test_what_browsers_send_is_an_origin(origin: str) -> None:
    """Scheme, host and unusual port, of pages, of apps and of extensions; a star is every page."""
    assert _why(origin) is None


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://shop.example.com/", "https://shop.example.com"),
        ("https://shop.example.com/checkout?x=1#y", "https://shop.example.com"),
        ("HTTPS://Shop.Example.COM", "https://shop.example.com"),
        ("https://shop.example.com:443", "https://shop.example.com"),
        ("http://shop.example.com:80", "http://shop.example.com"),
        ("https://ada:secret@shop.example.com", "https://shop.example.com"),
        ("https://shop.example.com:", "https://shop.example.com"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("https://shop.example.com\n", "https://shop.example.com"),
    ],
)
def test_an_address_is_refused_with_its_origin(written: str, sent: str) -> None:
    """Nothing is compared that a browser never sends: what was pasted is refused, and the right spelling is told."""
    why = _why(written)
    assert why is not None
    assert repr(sent) in why
    assert _why(sent) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "shop.example.com",
        "//shop.example.com",
        "https://",
        "https://*.example.com",
        "https://shop.example.com:0x50",
        "https://shop.example.com:99999",
        "https://münchen.example",
        "https://-shop.example.com",
        "https://[::1",
        "https://[::z]",
        "about:blank",
        "javascript:alert(1)",
        "https://" + "a" * 300,
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    """A host alone, a pattern, a file and other texts are none."""
    assert _why(text) is not None


def test_each_origin_is_there_once_and_they_are_counted() -> None:
    """A repeated origin is named by its place; more of them than allowed are refused as a whole."""
    one = "https://shop.example.com"
    assert [problem.pointer for problem in origins_problems([one, "*", one], "/x")] == ["/x/2"]
    many = [f"https://shop-{number}.example.com" for number in range(MAX_ORIGINS + 1)]
    assert [problem.pointer for problem in origins_problems(many, "/x")] == ["/x"]
    assert origins_problems(many[:-1], "/x") == ()
