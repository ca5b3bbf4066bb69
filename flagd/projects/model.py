"""Projects and environments as values, and the rules they keep.

Pure: no database, no framework, no clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from flagd.errors import Problem
from flagd.projects.origins import origins_problems

KEY_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
KEY_LENGTH: Final = 128
NAME_LENGTH: Final = 128
DESCRIPTION_LENGTH: Final = 2000
MAX_POSITION: Final = 1_000_000
"""Environments are shown in the order of their positions; gaps and ties are allowed, a tie goes by key."""

_KEY: Final = re.compile(KEY_PATTERN.removesuffix("$"))
# C0 and C1 control characters and lone surrogates; a description may hold tabs and line ends.
_NOT_ON_ONE_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Project:
    """What a team, a product or an application keeps its flags in. The key never changes."""

    id: str
    key: str
    name: str
    description: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @property
    def archived(self) -> bool:
        """Whether it is put away: readable, its snapshots still served, and closed to changes."""
        return self.archived_at is not None

    def problems(self) -> tuple[Problem, ...]:
        """Every rule this project breaks; none for one that may be stored."""
        return (
            *key_problems(self.key, "/key"),
            *name_problems(self.name, "/name"),
            *description_problems(self.description, "/description"),
        )

    def document(self) -> dict[str, Any]:
        """The project as the change log keeps it."""
        return {
            "key": self.key,
            "name": self.name,
            "description": self.description,
            "archived": self.archived,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Environment:
    """Where flags of a project have a state of their own: development, production. The key never changes.

    `revision` counts everything that may change what its applications are answered; `version` counts the
    edits of the environment itself. `client_origins` are the origins of the pages whose scripts may have flags
    evaluated here.
    """

    id: str
    project_id: str
    key: str
    name: str
    position: int
    revision: int
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    client_origins: tuple[str, ...] = ()

    @property
    def archived(self) -> bool:
        """Whether it is put away: readable, its snapshot still served, and closed to changes."""
        return self.archived_at is not None

    def problems(self) -> tuple[Problem, ...]:
        """Every rule this environment breaks; none for one that may be stored."""
        position: tuple[Problem, ...] = ()
        if not 0 <= self.position <= MAX_POSITION:
            position = (Problem("/position", f"must be between 0 and {MAX_POSITION}"),)
        return (
            *key_problems(self.key, "/key"),
            *name_problems(self.name, "/name"),
            *position,
            *origins_problems(self.client_origins, "/client_origins"),
        )

    def document(self) -> dict[str, Any]:
        """The environment as the change log keeps it: without `revision`, which the log itself counts."""
        return {
            "key": self.key,
            "name": self.name,
            "position": self.position,
            "client_origins": list(self.client_origins),
            "archived": self.archived,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a project is created from."""

    key: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class NewEnvironment:
    """What an environment is created from; without a position it comes last."""

    key: str
    name: str
    position: int | None = None
    client_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectPatch:
    """New values for some fields of a project; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None

    def apply(self, project: Project) -> Project:
        """The project with the new values, its version unchanged."""
        return replace(
            project,
            name=project.name if self.name is None else self.name,
            description=project.description if self.description is None else self.description,
        )


@dataclass(frozen=True, slots=True)
class EnvironmentPatch:
    """New values for some fields of an environment; None leaves a field as it is."""

    name: str | None = None
    position: int | None = None
    client_origins: tuple[str, ...] | None = None

    def apply(self, environment: Environment) -> Environment:
        """The environment with the new values, its version unchanged."""
        return replace(
            environment,
            name=environment.name if self.name is None else self.name,
            position=environment.position if self.position is None else self.position,
            client_origins=environment.client_origins if self.client_origins is None else self.client_origins,
        )


def key_problems(key: str, pointer: str) -> tuple[Problem, ...]:
    """What keeps a text from being a key."""
    if not key or len(key) > KEY_LENGTH:
        return (Problem(pointer, f"must have 1 to {KEY_LENGTH} characters"),)
    if _KEY.fullmatch(key) is None:
        return (
            Problem(pointer, "must be letters, digits, '.', '_' and '-', and begin with a letter or digit"),
        )
    return ()


def name_problems(name: str, pointer: str) -> tuple[Problem, ...]:
    """What keeps a text from being a name: a single line in any script."""
    if not name.strip() or len(name) > NAME_LENGTH:
        return (Problem(pointer, f"must have 1 to {NAME_LENGTH} characters, not only spaces"),)
    if _NOT_ON_ONE_LINE.search(name):
        return (Problem(pointer, "must be one line without control characters"),)
    return ()


def description_problems(text: str, pointer: str) -> tuple[Problem, ...]:
    """What keeps a text from being a description."""
    if len(text) > DESCRIPTION_LENGTH:
        return (Problem(pointer, f"must have at most {DESCRIPTION_LENGTH} characters"),)
    if _NOT_IN_TEXT.search(text):
        return (Problem(pointer, "must not hold control characters"),)
    return ()
