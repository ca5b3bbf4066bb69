"""Who may do what: the whole table, without a server."""

from __future__ import annotations

import pytest

from flagd.access.permissions import Action, PrincipalKind, Resource, may, may_somewhere
from flagd.access.principals import Principal

INSTALLATION = Resource()
PROJECT = Resource("p1")
OTHER_PROJECT = Resource("p2")
PRODUCTION = Resource("p1", "e1")
STAGING = Resource("p1", "e2")

USER = Principal("user", "u", "Ada")
ADMIN = Principal("admin_key", "k", "ci")
LIMITED = Principal("admin_key", "k", "ci", project_id="p1")
SERVER = Principal("server_key", "k", "app", "p1", "e1")
CLIENT = Principal("client_key", "k", "page", "p1", "e1")


@pytest.mark.parametrize("principal", [USER, ADMIN])
@pytest.mark.parametrize("action", list(Action))
def test_users_and_admin_keys_may_do_everything_everywhere(principal: Principal, action: Action) -> None:
    """A user and an unlimited admin key may do each action to anything."""
    assert may(principal, action, INSTALLATION)
    assert may(principal, action, PROJECT)
    assert may(principal, action, PRODUCTION)


@pytest.mark.parametrize("action", list(Action))
def test_a_limited_admin_key_stays_in_its_project(action: Action) -> None:
    """An admin key limited to a project may do everything there and nothing elsewhere or to the installation."""
    assert may(LIMITED, action, PROJECT)
    assert may(LIMITED, action, PRODUCTION)
    assert not may(LIMITED, action, OTHER_PROJECT)
    assert not may(LIMITED, action, INSTALLATION)
    assert may_somewhere(LIMITED, action)


@pytest.mark.parametrize("action", list(Action))
def test_a_server_key_reads_snapshots_and_evaluates_in_its_environment(action: Action) -> None:
    """A server key may do two things in one environment."""
    allowed = action in (Action.snapshot_read, Action.flag_evaluate)
    assert may(SERVER, action, PRODUCTION) is allowed
    assert not may(SERVER, action, STAGING)
    assert not may(SERVER, action, PROJECT)


@pytest.mark.parametrize("action", list(Action))
def test_a_client_key_only_evaluates(action: Action) -> None:
    """A client key never reads a snapshot, whose rules hold personal data."""
    assert may(CLIENT, action, PRODUCTION) is (action is Action.flag_evaluate)


@pytest.mark.parametrize("kind", ["server_key", "client_key"])
def test_keys_of_applications_manage_nothing(kind: PrincipalKind) -> None:
    """No action of the management API is open to the key of an application, wherever it points."""
    application = Principal(kind, "k", "app", "p1", "e1")
    managed = [action for action in Action if action not in (Action.snapshot_read, Action.flag_evaluate)]
    assert not any(may_somewhere(application, action) for action in managed)


def test_the_log_tells_people_from_keys() -> None:
    """A principal is in the change log as a user or as a key, by id and name."""
    assert (USER.actor.kind, USER.actor.id, USER.actor.name) == ("user", "u", "Ada")
    assert SERVER.actor.kind == "key"
