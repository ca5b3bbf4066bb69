"""Users, signing in, and sessions, on both databases."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from flagd.access import reads
from flagd.access.model import SESSION_IDLE, SESSION_LIFETIME, Session, User
from flagd.access.people import sessions, users
from flagd.access.people.passwords import Passwords
from flagd.access.people.signin import ADDRESS_BURST, EMAIL_BURST, PAIR_BURST, WRONG, SignIn
from flagd.access.tables import sessions as sessions_table
from flagd.access.tables import users as users_table
from flagd.errors import Conflict, Invalid, NotFound, Throttled, Unauthenticated
from flagd.infra.changes import Actor
from flagd.infra.db import Database
from flagd.infra.tables import changes
from tests.integration.access.clocks import HandClock

EMAIL = "ada@example.com"
PASSWORD = "a long enough password"
HERE = "192.0.2.1"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def passwords() -> Passwords:
    """As in the program, only faster."""
    return Passwords(CHEAP)


@pytest.fixture
def sign_in(database: Database, clock: HandClock, passwords: Passwords) -> SignIn:
    """Signing in, with nothing counted yet."""
    return SignIn(database, clock, passwords)


@pytest.fixture
async def ada(database: Database, actor: Actor, clock: HandClock, passwords: Passwords) -> User:
    """A user."""
    hashed = await passwords.hash(PASSWORD)
    async with database.write() as tx:
        return await users.create_user(
            tx, actor, users.NewUser("Ada@Example.com", "Ada Ümlaut", hashed), clock.now()
        )


async def resolved(database: Database, token: str, clock: HandClock) -> Session | None:
    """The session with this token, if it lives."""
    async with database.read() as tx:
        return await sessions.resolve(tx, token, clock.now())


async def disable(database: Database, user: User, clock: HandClock) -> None:
    """Takes the user's access away."""
    async with database.write() as tx:
        await tx.run(users_table.update().where(users_table.c.id == user.id).values(disabled_at=clock.now()))


async def test_a_user_is_known_by_one_spelling_of_an_address(
    database: Database, ada: User, actor: Actor, clock: HandClock
) -> None:
    """Another spelling of a taken address is a conflict that names the field."""
    assert ada.email == EMAIL
    with pytest.raises(Conflict) as refused:
        async with database.write() as tx:
            await users.create_user(tx, actor, users.NewUser("ADA@example.com", "Imposter", "x"), clock.now())
    assert [problem.pointer for problem in refused.value.problems] == ["/email"]


async def test_a_broken_user_is_refused_by_field(database: Database, actor: Actor, clock: HandClock) -> None:
    """A user without a proper address and name is refused with both fields named."""
    with pytest.raises(Invalid) as refused:
        async with database.write() as tx:
            await users.create_user(tx, actor, users.NewUser("nobody", "\0", "x"), clock.now())
    assert [problem.pointer for problem in refused.value.problems] == ["/email", "/name"]


async def test_the_right_password_starts_a_session(
    database: Database, sign_in: SignIn, ada: User, clock: HandClock
) -> None:
    """Signing in gives a token that leads back to the user, in whatever spelling the address was typed."""
    session, token = await sign_in.sign_in(" ADA@example.com", PASSWORD, HERE)
    found = await resolved(database, token, clock)
    assert found is not None
    assert (found.id, found.user) == (session.id, ada)
    assert await resolved(database, token + "x", clock) is None
    assert await resolved(database, "", clock) is None


async def test_every_failure_to_sign_in_is_the_same(
    database: Database, sign_in: SignIn, ada: User, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password, an unknown address, a text that is none and a disabled user get one answer."""
    cases = [(EMAIL, "wrong"), ("bob@example.com", PASSWORD), ("\0", PASSWORD), ("", ""), (EMAIL, "\ud800")]
    with caplog.at_level(logging.DEBUG, logger="flagd"):
        for email, password in cases:
            with pytest.raises(Unauthenticated, match=WRONG):
                await sign_in.sign_in(email, password, HERE)
        await disable(database, ada, clock)
        with pytest.raises(Unauthenticated, match=WRONG):
            await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    assert PASSWORD not in caplog.text


async def fail(sign_in: SignIn, email: str, address: str, times: int) -> None:
    """Tries a wrong password so often."""
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            await sign_in.sign_in(email, "wrong", address)


async def test_repeated_failures_for_a_user_have_to_wait(
    sign_in: SignIn, ada: User, clock: HandClock
) -> None:
    """After a few wrong passwords for one user from one place even the right one waits, as long as it is told."""
    await fail(sign_in, EMAIL, HERE, PAIR_BURST)
    with pytest.raises(Throttled) as refused:
        await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    clock.move(timedelta(seconds=refused.value.retry_after))
    await sign_in.sign_in(EMAIL, PASSWORD, HERE)


async def test_a_stranger_locks_nobody_out(sign_in: SignIn, ada: User) -> None:
    """Whoever guesses somebody's password from elsewhere, until they are stopped there, does not stop its owner."""
    for number in range(4):
        await fail(sign_in, EMAIL, f"198.51.100.{number}", PAIR_BURST)
    await sign_in.sign_in(EMAIL, PASSWORD, HERE)


async def test_guessing_from_everywhere_is_bounded(sign_in: SignIn, ada: User) -> None:
    """From however many places one user's password is tried, there is a pace that all of them share."""
    for number in range(EMAIL_BURST // PAIR_BURST):
        await fail(sign_in, EMAIL, f"198.51.100.{number}", PAIR_BURST)
    with pytest.raises(Throttled):
        await sign_in.sign_in(EMAIL, "wrong", "203.0.113.1")


async def test_who_is_stopped_by_address_displaces_nobody(sign_in: SignIn, ada: User) -> None:
    """Attempts beyond an address's pace leave no trace by the names they try, however many and long those are."""
    for number in range(ADDRESS_BURST):
        await fail(sign_in, f"{number}" * 4000, HERE, 1)
    for number in range(50):
        with pytest.raises(Throttled):
            await sign_in.sign_in(f"user{number}@example.com", "wrong", HERE)
    assert len(sign_in._by_pair) == len(sign_in._by_email) == ADDRESS_BURST
    assert {len(name) for name in sign_in._by_email._buckets} == {64}


class Interrupted(Passwords):
    """Comparing takes so long that something happens meanwhile."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__(CHEAP)
        self._meanwhile = meanwhile

    async def matches(self, password: str, stored: str | None) -> bool:
        """As ever, and then it happens."""
        right = await super().matches(password, stored)
        await self._meanwhile()
        return right


async def test_a_password_reset_is_not_survived(
    database: Database, ada: User, actor: Actor, clock: HandClock, passwords: Passwords
) -> None:
    """Who signs in with the old password while it is replaced, or while they are disabled, gets no session."""
    hashed = await passwords.hash("another long password")

    async def reset() -> None:
        async with database.write() as tx:
            await users.reset_password(tx, actor, EMAIL, hashed, clock.now())

    for meanwhile, password in (
        (reset, PASSWORD),
        (lambda: disable(database, ada, clock), "another long password"),
    ):
        with pytest.raises(Unauthenticated, match=WRONG):
            await SignIn(database, clock, Interrupted(meanwhile)).sign_in(EMAIL, password, HERE)
    async with database.read() as tx:
        assert await tx.all(sessions_table.select()) == []


async def test_repeated_failures_from_one_place_have_to_wait(
    sign_in: SignIn, ada: User, clock: HandClock
) -> None:
    """Trying many users from one place is slowed down too, from any address of one IPv6 network."""
    for number in range(ADDRESS_BURST):
        with pytest.raises(Unauthenticated):
            await sign_in.sign_in(f"user{number}@example.com", "wrong", f"2001:db8::{number:x}")
    with pytest.raises(Throttled):
        await sign_in.sign_in(EMAIL, PASSWORD, "2001:db8::ffff")
    await sign_in.sign_in(EMAIL, PASSWORD, "2001:db8:1::1")
    await sign_in.sign_in(EMAIL, PASSWORD, "::ffff:192.0.2.1")


async def test_guesses_sent_at_once_do_not_slip_through_together(sign_in: SignIn, ada: User) -> None:
    """Of many guesses in parallel only the burst is looked at."""
    guesses = (sign_in.sign_in(EMAIL, f"wrong {number}", HERE) for number in range(PAIR_BURST * 2))
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert [type(answer) for answer in answers].count(Unauthenticated) == PAIR_BURST
    assert [type(answer) for answer in answers].count(Throttled) == PAIR_BURST


async def test_signing_in_often_is_no_failure(sign_in: SignIn, ada: User) -> None:
    """The right password is never slowed down by itself."""
    for _ in range(ADDRESS_BURST + 1):
        await sign_in.sign_in(EMAIL, PASSWORD, HERE)


async def test_a_session_ends_unused_after_a_while_and_in_any_case_in_the_end(
    database: Database, sign_in: SignIn, ada: User, clock: HandClock
) -> None:
    """An unused session goes idle; one in use lives on, until its absolute end."""
    _, idle = await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    _, used = await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    passed = timedelta(0)
    while passed + SESSION_IDLE / 2 < SESSION_LIFETIME:
        clock.move(SESSION_IDLE / 2)
        passed += SESSION_IDLE / 2
        session = await resolved(database, used, clock)
        assert session is not None
        assert session.needs_touch(clock.now())
        async with database.write() as tx:
            await sessions.touch(tx, session, clock.now())
    assert await resolved(database, idle, clock) is None
    clock.move(SESSION_IDLE / 2)
    assert await resolved(database, used, clock) is None


async def test_signing_out_ends_one_session(
    database: Database, sign_in: SignIn, ada: User, clock: HandClock
) -> None:
    """The session that is ended is over at once, and the user's others go on."""
    _, one = await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    _, other = await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    async with database.write() as tx:
        await sessions.end(tx, one, clock.now())
    assert await resolved(database, one, clock) is None
    assert await resolved(database, other, clock) is not None


async def test_a_new_password_ends_every_session(
    database: Database, sign_in: SignIn, ada: User, actor: Actor, clock: HandClock, passwords: Passwords
) -> None:
    """After a reset the old password and every session of the user are worthless; the new password works."""
    _, token = await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    hashed = await passwords.hash("another long password")
    async with database.write() as tx:
        await users.reset_password(tx, actor, "ADA@example.com", hashed, clock.now())
    assert await resolved(database, token, clock) is None
    with pytest.raises(Unauthenticated):
        await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    await sign_in.sign_in(EMAIL, "another long password", HERE)


async def test_a_disabled_user_is_out_at_once(
    database: Database, sign_in: SignIn, ada: User, clock: HandClock
) -> None:
    """The sessions of a user who is disabled stop counting."""
    _, token = await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    await disable(database, ada, clock)
    assert await resolved(database, token, clock) is None


async def test_the_password_of_nobody_is_not_reset(
    database: Database, actor: Actor, clock: HandClock
) -> None:
    """Resetting an unknown user's password says that there is no such user."""
    with pytest.raises(NotFound):
        async with database.write() as tx:
            await users.reset_password(tx, actor, EMAIL, "x", clock.now())


async def test_a_hash_is_renewed_when_its_user_signs_in(
    database: Database, ada: User, clock: HandClock
) -> None:
    """A hash with outdated parameters is replaced on the next sign-in, for the same password."""
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    await SignIn(database, clock, stronger).sign_in(EMAIL, PASSWORD, HERE)
    async with database.read() as tx:
        credentials = await reads.credentials_of(tx, EMAIL)
    assert credentials is not None
    assert not stronger.outdated(credentials.password_hash)
    await SignIn(database, clock, stronger).sign_in(EMAIL, PASSWORD, HERE)


async def test_sessions_that_are_over_are_forgotten(
    database: Database, sign_in: SignIn, ada: User, clock: HandClock
) -> None:
    """The table of sessions does not grow for ever: signing in removes those beyond their end."""
    for _ in range(3):
        await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    clock.move(SESSION_LIFETIME)
    await sign_in.sign_in(EMAIL, PASSWORD, HERE)
    async with database.read() as tx:
        assert len(await tx.all(sessions_table.select())) == 1


async def test_users_are_in_the_change_log_without_their_passwords(
    database: Database, ada: User, actor: Actor, clock: HandClock, passwords: Passwords
) -> None:
    """Creating a user and resetting a password are logged, and no hash is."""
    hashed = await passwords.hash("another long password")
    async with database.write() as tx:
        await users.reset_password(tx, actor, EMAIL, hashed, clock.now())
    async with database.read() as tx:
        rows = await tx.all(changes.select().order_by(changes.c.id))
    assert [(row["action"], row["object_key"]) for row in rows] == [("create", EMAIL), ("update", EMAIL)]
    assert rows[1]["reason"] == "password changed"
    assert "argon2" not in str([dict(row) for row in rows])
