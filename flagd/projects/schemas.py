"""Projects and environments as they travel over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from flagd.projects.model import (
    DESCRIPTION_LENGTH,
    KEY_LENGTH,
    KEY_PATTERN,
    MAX_POSITION,
    NAME_LENGTH,
    Environment,
    EnvironmentPatch,
    NewEnvironment,
    NewProject,
    Project,
    ProjectPatch,
)
from flagd.projects.origins import ANY_ORIGIN, MAX_ORIGINS, ORIGIN_LENGTH

Key = Annotated[str, Field(min_length=1, max_length=KEY_LENGTH, pattern=KEY_PATTERN, examples=["checkout"])]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
Description = Annotated[str, Field(max_length=DESCRIPTION_LENGTH)]
Position = Annotated[int, Field(strict=True, ge=0, le=MAX_POSITION)]
ClientOrigins = Annotated[
    list[Annotated[str, Field(max_length=ORIGIN_LENGTH)]],
    Field(
        max_length=MAX_ORIGINS,
        description=f"Origins of the web pages that may ask over OFREP; {ANY_ORIGIN!r} is every page.",
        examples=[["https://shop.example.com", "http://localhost:3000"]],
    ),
]


def left_out() -> Any:
    """The default of a patch's field: None when it is left out, while a null that was sent is refused."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class Body(BaseModel):
    """What a caller sends: an unknown name is a mistake, not something to ignore."""

    model_config = ConfigDict(extra="forbid")


class ProjectCreate(Body):
    """A new project."""

    key: Key
    name: Name
    description: Description = ""

    def to_model(self) -> NewProject:
        """The new project as the service takes it."""
        return NewProject(self.key, self.name, self.description)


class ProjectChange(Body):
    """A merge patch of a project: what is left out stays; a null description is an empty one."""

    name: Name = left_out()
    description: Description | None = None

    def to_model(self) -> ProjectPatch:
        """The patch as the service takes it."""
        emptied = "description" in self.model_fields_set and self.description is None
        return ProjectPatch(name=self.name, description="" if emptied else self.description)


class ProjectView(BaseModel):
    """A project."""

    key: str
    name: str
    description: str
    version: int
    archived: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, project: Project) -> ProjectView:
        """What a caller is shown of a project."""
        return cls.model_validate(project, from_attributes=True)


class ProjectList(BaseModel):
    """A page of projects."""

    items: list[ProjectView]
    next_cursor: str | None


class EnvironmentCreate(Body):
    """A new environment; without a position it comes last."""

    key: Key
    name: Name
    position: Position | None = None
    client_origins: ClientOrigins = []

    def to_model(self) -> NewEnvironment:
        """The new environment as the service takes it."""
        return NewEnvironment(self.key, self.name, self.position, tuple(self.client_origins))


class EnvironmentChange(Body):
    """A merge patch of an environment: what is left out stays; null origins are none."""

    name: Name = left_out()
    position: Position = left_out()
    client_origins: ClientOrigins | None = left_out()

    def to_model(self) -> EnvironmentPatch:
        """The patch as the service takes it."""
        origins = None if "client_origins" not in self.model_fields_set else tuple(self.client_origins or ())
        return EnvironmentPatch(name=self.name, position=self.position, client_origins=origins)


class EnvironmentView(BaseModel):
    """An environment; `revision` counts everything that may change its applications' answers."""

    key: str
    name: str
    position: int
    client_origins: list[str]
    revision: int
    version: int
    archived: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, environment: Environment) -> EnvironmentView:
        """What a caller is shown of an environment."""
        return cls.model_validate(environment, from_attributes=True)


class EnvironmentList(BaseModel):
    """A page of environments."""

    items: list[EnvironmentView]
    next_cursor: str | None
