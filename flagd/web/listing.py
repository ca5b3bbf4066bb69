"""Gathers what the flags page shows: one environment's flags, a part of the list, and the last changes.

Calls the reads of other capabilities; has no query of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from flagd.access.guard import require
from flagd.access.permissions import Action, Resource
from flagd.audit import reads as audit
from flagd.audit.model import ChangeQuery, Entry
from flagd.errors import NotFound
from flagd.flags import reads as flags
from flagd.flags.model import Placed, Targeting
from flagd.infra.db import ReadTx
from flagd.projects import reads as projects
from flagd.projects.model import Environment, Project, key_problems
from flagd.web import changes, views, words
from flagd.web.session import Visitor
from flagd.web.views import Conflict, FlagRow, Overtaken

ROWS: Final = 25
CHANGES: Final = 10
PROJECTS: Final = 100
LOOK_BACK: Final = 50
"""Entries of the log searched for the version a person saw before somebody else saved."""

MAX_SEARCH: Final = 200


@dataclass(frozen=True, slots=True)
class Where:
    """One environment of one project."""

    project: Project
    environment: Environment

    @property
    def path(self) -> str:
        """The address of its flags."""
        return flags_path(self.project.key, self.environment.key)

    def placed(self, key: str) -> Placed:
        """A flag here."""
        return Placed(self.project, self.environment, key)


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the list is shown; kept in the address and in that of every form."""

    text: str = ""
    cursor: str | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Part:
        """The part that an address names. What no key or name can hold is left out of the search."""
        text = "".join(char for char in parameters.get("q", "") if char.isprintable())
        return cls(text.strip()[:MAX_SEARCH], parameters.get("cursor") or None)

    @property
    def query(self) -> str:
        """The part as the end of an address."""
        pairs = {name: value for name, value in (("q", self.text), ("cursor", self.cursor)) if value}
        return f"?{urlencode(pairs)}" if pairs else ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person tried to save and could not, shown in the row of that flag with what they typed."""

    key: str
    typed: str | None = None
    problem: str | None = None
    conflict: Conflict | None = None

    @property
    def in_short(self) -> str | None:
        """What happened, in one line."""
        return self.problem or (None if self.conflict is None else self.conflict.overtaken.title)

    def shown_in(self, row: FlagRow) -> FlagRow:
        """The row, with what happened."""
        rollout = row.rollout
        if rollout is not None and self.typed is not None:
            rollout = replace(rollout, typed=self.typed)
        return replace(row, rollout=rollout, problem=self.problem, conflict=self.conflict)


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One entry of the change log."""

    key: str
    lines: tuple[str, ...]
    actor: str
    actor_kind: str
    initials: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FlagsPage:
    """Everything the page names."""

    where: Where
    part: Part
    projects: list[Project]
    environments: list[Environment]
    rows: list[FlagRow]
    next_cursor: str | None
    changes: list[ChangeLine]
    problem: str | None = None

    @property
    def project(self) -> Project:
        """The project."""
        return self.where.project

    @property
    def environment(self) -> Environment:
        """The environment."""
        return self.where.environment

    @property
    def path(self) -> str:
        """The address of the list, from its start."""
        return self.where.path

    @property
    def here(self) -> str:
        """The address of this part of the list."""
        return self.path + self.part.query

    @property
    def query(self) -> str:
        """What forms append to their address, to come back to this part."""
        return self.part.query

    @property
    def search_only(self) -> str:
        """The search without the place in the list."""
        return replace(self.part, cursor=None).query

    @property
    def next(self) -> str | None:
        """The address of the next part."""
        if self.next_cursor is None:
            return None
        return self.path + replace(self.part, cursor=self.next_cursor).query


def flags_path(project: str, environment: str) -> str:
    """The address of an environment's flags."""
    return f"/projects/{project}/environments/{environment}/flags"


def key_in(parameters: Mapping[str, str], name: str) -> str:
    """The key an address names. Raises NotFound for what cannot be one."""
    key = parameters[name]
    if key_problems(key, ""):
        raise NotFound(f"there is no {name} {key!r}")
    return key


async def first_environment(tx: ReadTx, project: Project) -> Environment | None:
    """The environment a project opens with: the first of those in use."""
    found = await projects.environments_of(tx, project, archived=False)
    return found[0] if found else None


async def find_project(tx: ReadTx, parameters: Mapping[str, str]) -> Project:
    """The project an address names. Raises NotFound."""
    return await projects.find_project(tx, key_in(parameters, "project"))


async def find_where(tx: ReadTx, parameters: Mapping[str, str]) -> Where:
    """The environment an address names. Raises NotFound."""
    project = await find_project(tx, parameters)
    return Where(project, await projects.find_environment(tx, project, key_in(parameters, "environment")))


def require_access(visitor: Visitor, action: Action, where: Where) -> None:
    """Raises Refused unless the visitor may do this here."""
    require(visitor.principal, action, Resource(where.project.id, where.environment.id))


async def flags_page(tx: ReadTx, where: Where, part: Part, attempt: Attempt | None = None) -> FlagsPage:
    """The page of this part of the list; an attempt is shown even where its flag is no part of it."""
    listed = await flags.list_states(
        tx, where.environment, flags.ListQuery(ROWS, part.cursor, search=part.text or None)
    )
    rows = [
        views.row_of(state.flag, state.targeting, f"{where.path}/{state.flag.key}") for state in listed.items
    ]
    if attempt is not None:
        if attempt.key not in {row.key for row in rows}:
            rows.insert(0, await _row(tx, where, attempt.key))
        rows = [attempt.shown_in(row) if row.key == attempt.key else row for row in rows]
    return FlagsPage(
        where=where,
        part=part,
        projects=(await projects.list_projects(tx, limit=PROJECTS, cursor=None, archived=False)).items,
        environments=await projects.environments_of(tx, where.project, archived=False),
        rows=rows,
        next_cursor=listed.next_cursor,
        changes=await _last_changes(tx, where),
        problem=None if attempt is None else attempt.in_short,
    )


async def overtaken(
    tx: ReadTx, placed: Placed, visitor: Visitor, seen_version: int, now: datetime
) -> Overtaken:
    """What was done to a flag since the version the visitor saw."""
    flag = await flags.find_flag(tx, placed.project, placed.key)
    targeting = await flags.find_targeting(tx, flag, placed.environment)
    query = ChangeQuery(
        LOOK_BACK,
        project_id=placed.project.id,
        environment_id=placed.environment.id,
        object_type="targeting",
        object_key=placed.key,
    )
    writes = (await audit.recent(tx, query)).items
    return Overtaken(
        title=f"{_who_and_when(writes, placed.key, visitor, now)}, while this page was open",
        change=_changed_since(writes, seen_version, targeting, placed),
        state=views.state_in_words(flag, targeting),
    )


def _who_and_when(writes: list[Entry], key: str, visitor: Visitor, now: datetime) -> str:
    if not writes:
        return f"Somebody else changed {key}"
    last = writes[0]
    who = "You yourself" if last.actor == visitor.principal.actor else last.actor.name
    return f"{who} changed {key} {words.ago(last.at, now)}"


def _changed_since(writes: list[Entry], seen_version: int, now: Targeting, placed: Placed) -> str | None:
    seen = next(
        (entry.before for entry in writes if (entry.before or {}).get("version") == seen_version), None
    )
    if seen is None:
        return None
    lines = changes.targeting_lines(seen, now.document(placed.key, placed.environment.key))
    return ", ".join(lines) or None


async def _last_changes(tx: ReadTx, where: Where) -> list[ChangeLine]:
    query = ChangeQuery(CHANGES, project_id=where.project.id, environment_id=where.environment.id)
    return [_line(entry) for entry in (await audit.recent(tx, query)).items]


async def _row(tx: ReadTx, where: Where, key: str) -> FlagRow:
    flag = await flags.find_flag(tx, where.project, key)
    targeting = await flags.find_targeting(tx, flag, where.environment)
    return views.row_of(flag, targeting, f"{where.path}/{key}")


def _line(entry: Entry) -> ChangeLine:
    return ChangeLine(
        key=entry.object_key,
        lines=changes.in_words(entry.object_type, entry.action, entry.before, entry.after),
        actor=entry.actor.name,
        actor_kind=entry.actor.kind,
        initials=words.initials(entry.actor.name),
        at=entry.at,
    )
