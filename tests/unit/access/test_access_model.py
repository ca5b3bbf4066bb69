"""Users, sessions and API keys as plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flagd.access.model import (
    SESSION_IDLE,
    SESSION_LIFETIME,
    SESSION_TOUCH,
    ApiKey,
    Session,
    User,
    email_problems,
    normal_email,
)
from flagd.access.principals import of_key, of_user

THEN = datetime(2026, 5, 1, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
USER = User("u", "ada@example.com", "Ada", 1, THEN, None)
SESSION = Session("s", USER, THEN, THEN + SESSION_LIFETIME, THEN)
KEY = ApiKey("k", "server", "shop", "abcd", "p", "e", "demo", "production", THEN, "ci", None, None, None)


@pytest.mark.parametrize("email", ["ada@example.com", "a@b", "ädä@exämple.com", "o'neil+x@example.co.uk"])
def test_addresses_of_all_kinds_are_taken(email: str) -> None:
    """What could be an address is one; whether it receives mail is not guessed."""
    assert email_problems(email, "/email") == ()


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@example.com", "ada@", "a b@example.com", "a@b@c", "a\0@b", "a\n@b", "x" * 320 + "@b"],
)
def test_what_cannot_be_an_address_is_refused(email: str) -> None:
    """A text without both halves, with spaces or control characters, or too long is refused."""
    assert [problem.pointer for problem in email_problems(email, "/email")] == ["/email"]


def test_an_address_has_one_spelling() -> None:
    """Capitals, spaces around it and the way accents are composed make no other address."""
    assert normal_email("  Ada@Example.COM ") == "ada@example.com"
    assert normal_email("A\u0308@b") == normal_email("ä@b")


def test_a_session_ends_at_its_absolute_time_however_much_it_is_used() -> None:
    """A session in constant use lives until its end and not an instant longer."""
    end = THEN + SESSION_LIFETIME
    used = replace(SESSION, last_seen_at=end - timedelta(seconds=1))
    assert used.alive(end - INSTANT)
    assert not used.alive(end)


def test_a_session_ends_when_it_is_not_used() -> None:
    """A session lives so long after its last use, and using it moves that on."""
    assert SESSION.alive(THEN + SESSION_IDLE - INSTANT)
    assert not SESSION.alive(THEN + SESSION_IDLE)
    assert replace(SESSION, last_seen_at=THEN + INSTANT).alive(THEN + SESSION_IDLE)


def test_the_time_of_last_use_is_not_written_at_every_request() -> None:
    """A session asks to be written again only once its stored time is old."""
    assert not SESSION.needs_touch(THEN + SESSION_TOUCH - INSTANT)
    assert SESSION.needs_touch(THEN + SESSION_TOUCH)


def test_a_key_opens_until_it_expires_or_is_revoked() -> None:
    """A key is usable before its expiry, and not once it is revoked."""
    expiring = replace(KEY, expires_at=THEN + timedelta(hours=1))
    assert KEY.usable(THEN)
    assert expiring.usable(THEN + timedelta(hours=1) - INSTANT)
    assert not expiring.usable(THEN + timedelta(hours=1))
    assert not replace(KEY, revoked_at=THEN).usable(THEN)


def test_a_key_stands_for_a_principal_of_its_kind_and_place() -> None:
    """What asks with a key has the key's id, name and limits."""
    principal = of_key(KEY)
    assert (principal.kind, principal.id, principal.project_id, principal.environment_id) == (
        "server_key",
        "k",
        "p",
        "e",
    )
    assert of_key(replace(KEY, kind="admin", environment_id=None)).kind == "admin_key"


def test_a_user_without_a_name_is_called_by_their_address() -> None:
    """The log never names nobody."""
    assert of_user(USER).name == "Ada"
    assert of_user(replace(USER, name="")).name == "ada@example.com"


def test_the_log_keeps_no_secret() -> None:
    """What the change log keeps of a key is its hint, and of a user no password."""
    assert set(KEY.document()) == {"kind", "name", "hint", "project", "environment", "expires_at", "revoked"}
    assert set(USER.document()) == {"email", "name", "disabled", "version"}
