"""Hashing and comparing passwords, with cheap parameters."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters

from flagd.access.model import PASSWORD_MAX
from flagd.access.people.passwords import Passwords, generate
from flagd.errors import Invalid

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
GOOD = "correct horse battery"


@pytest.fixture
def passwords() -> Passwords:
    """As in the program, only faster."""
    return Passwords(CHEAP)


async def test_a_password_matches_its_hash_and_no_other(passwords: Passwords) -> None:
    """The right password matches, a wrong one does not, and the hash does not show it."""
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$")
    assert GOOD not in stored
    assert await passwords.matches(GOOD, stored)
    assert not await passwords.matches(GOOD + "!", stored)
    assert await passwords.hash(GOOD) != stored


async def test_a_password_is_the_same_however_it_was_composed(passwords: Passwords) -> None:
    """Accents typed as one character or as two are the same password."""
    stored = await passwords.hash("pässwörter sind lang")
    assert await passwords.matches("pa\u0308sswo\u0308rter sind lang", stored)


@pytest.mark.parametrize("password", ["", "too short", "x" * (PASSWORD_MAX + 1)])
async def test_a_new_password_is_neither_short_nor_endless(passwords: Passwords, password: str) -> None:
    """A password out of bounds is refused by the name of its field."""
    with pytest.raises(Invalid) as refused:
        await passwords.hash(password, "/new_password")
    assert [problem.pointer for problem in refused.value.problems] == ["/new_password"]


@pytest.mark.parametrize("password", ["", "\ud800", "\0", "x" * 1_000_000])
async def test_any_text_may_be_tried(passwords: Passwords, password: str) -> None:
    """What cannot be a password does not match, and breaks nothing."""
    assert not await passwords.matches(password, await passwords.hash(GOOD))
    assert not await passwords.matches(password, None)


async def test_a_long_password_is_compared_whole(passwords: Passwords) -> None:
    """What follows the longest allowed password still counts."""
    longest = "x" * PASSWORD_MAX
    stored = await passwords.hash(longest)
    assert await passwords.matches(longest, stored)
    assert not await passwords.matches(longest + "y", stored)


async def test_nobody_is_compared_at_the_price_of_somebody(passwords: Passwords) -> None:
    """Without a user, a hash with the same parameters is computed, and nothing matches it."""
    parameters = extract_parameters(passwords._decoy)
    assert parameters == extract_parameters(CHEAP.hash(GOOD))
    assert not await passwords.matches(GOOD, None)


async def test_a_hash_made_with_older_parameters_is_outdated(passwords: Passwords) -> None:
    """A hash is due for renewal when the parameters have changed since."""
    stored = await passwords.hash(GOOD)
    assert not passwords.outdated(stored)
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)).outdated(stored)


def test_generated_passwords_are_long_and_different() -> None:
    """A generated password is one that would be accepted, and no two are alike."""
    made = {generate() for _ in range(100)}
    assert len(made) == 100
    assert {len(password) for password in made} == {20}
