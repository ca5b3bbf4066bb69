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
        "http://[::ffff:7f00:1]",
        "https://1.example",
        "https://0x7f.example",
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
        ("https://shop.example.com.", "https://shop.example.com"),
        ("http://127.0.0.1.:3000", "http://127.0.0.1:3000"),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("HTTPS://MÜNCHEN.example:8443/x", "https://xn--mnchen-3ya.example:8443"),
        ("https://straße.example.", "https://xn--strae-oqa.example"),
        ("https://例え。テスト", "https://xn--r8jz45g.xn--zckzah"),
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
        "https://münchen.1",
        "https://shop..example.com",
        "https://.",
        "https://-shop.example.com",
        "https://[::1",
        "https://[::z]",
        "https://[fe80::1%eth0]",
        "https://[fe80::1%25eth0]",
        "about:blank",
        "javascript:alert(1)",
        "https://" + "a" * 300,
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    """A host alone, a pattern, a file and other texts are none."""
    assert _why(text) is not None


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.1", "2130706433", "256.1.1.1", "1.2.3.4.5", "127.0.0.01", "shop.0x", "shop.1."]
)
def test_what_browsers_take_for_an_address_is_one(host: str) -> None:
    """A host that ends in a number is written as browsers send it, with four numbers, and refused otherwise."""
    why = _why(f"https://{host}")
    assert why is not None
    assert "four numbers" in why


@pytest.mark.parametrize("scheme", ["about", "blob", "data", "file", "javascript"])
@pytest.mark.parametrize("rest", ["//x", "///x", "x", "https://shop.example.com"])
def test_pages_without_an_origin_of_their_own_are_told_so(scheme: str, rest: str) -> None:
    """Of such pages browsers send no origin, so none can be allowed by name."""
    assert f"the scheme {scheme!r}" in (_why(f"{scheme}:{rest}") or "")


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("https://münchen.example", "punycode"),
        ("https://shop.example.com.", "without a dot at the end"),
        ("https://shop.example.com/", "without a path"),
    ],
)
def test_it_is_said_what_to_change(origin: str, words: str) -> None:
    """Each other way of writing a host is named for what it is."""
    assert words in (_why(origin) or "")


def test_each_origin_is_there_once_and_they_are_counted() -> None:
    """A repeated origin is named by its place; more of them than allowed are refused as a whole."""
    one = "https://shop.example.com"
    assert [problem.pointer for problem in origins_problems([one, "*", one], "/x")] == ["/x/2"]
    many = [f"https://shop-{number}.example.com" for number in range(MAX_ORIGINS + 1)]
    assert [problem.pointer for problem in origins_problems(many, "/x")] == ["/x"]
    assert origins_problems(many[:-1], "/x") == ()
