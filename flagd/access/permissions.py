"""Who may do what, where: one pure question.

Nothing here asks a database or knows of HTTP; whoever asks says what the request is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol

PrincipalKind = Literal["user", "admin_key", "server_key", "client_key"]


class Limited(Protocol):
    """Who asks, as far as permissions depend on it. A limit of None is everywhere."""

    @property
    def kind(self) -> PrincipalKind:
        """What they identified themselves with."""
        ...

    @property
    def project_id(self) -> str | None:
        """The only project they reach."""
        ...

    @property
    def environment_id(self) -> str | None:
        """The only environment they reach."""
        ...


class Action(StrEnum):
    """Everything a request may need permission for."""

    project_read = "project.read"
    project_write = "project.write"
    environment_read = "environment.read"
    environment_write = "environment.write"
    flag_read = "flag.read"
    flag_write = "flag.write"
    segment_read = "segment.read"
    segment_write = "segment.write"
    layer_read = "layer.read"
    layer_write = "layer.write"
    key_read = "key.read"
    key_write = "key.write"
    change_read = "change.read"
    snapshot_read = "snapshot.read"
    flag_evaluate = "flag.evaluate"


@dataclass(frozen=True, slots=True)
class Resource:
    """What a request is about: an environment, a project (no environment), or the installation (neither)."""

    project_id: str | None = None
    environment_id: str | None = None


_GRANTED: Final[Mapping[PrincipalKind, frozenset[Action]]] = {
    "user": frozenset(Action),
    "admin_key": frozenset(Action),
    "server_key": frozenset({Action.snapshot_read, Action.flag_evaluate}),
    "client_key": frozenset({Action.flag_evaluate}),
}


def may(principal: Limited, action: Action, resource: Resource) -> bool:
    """Whether the principal may do this to that."""
    return may_somewhere(principal, action) and _reaches(principal, resource)


def may_somewhere(principal: Limited, action: Action) -> bool:
    """Whether there is anything the principal may do this to; enough for a list narrowed to what they see."""
    return action in _GRANTED[principal.kind]


def _reaches(principal: Limited, resource: Resource) -> bool:
    # A limited principal does not reach what is wider than its limit: the installation is no part of a project.
    in_project = principal.project_id in (None, resource.project_id)
    return in_project and principal.environment_id in (None, resource.environment_id)
