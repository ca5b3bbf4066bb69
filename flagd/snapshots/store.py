"""What the publisher reads: where each environment stands, what changed since, and the rows behind it.

Reads only. One statement a table, whatever the number of flags.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from flagd.flags import reads
from flagd.flags.layers.reads import Outline, outlines_in, states_in
from flagd.infra.db import ReadTx
from flagd.infra.tables import changes, environment_revisions, installation
from flagd.projects.model import Environment
from flagd.projects.reads import environment_of
from flagd.projects.tables import environments, projects
from flagd.snapshots.compile import Rows
from flagd.snapshots.model import Place, Revision

MANY: Final = 200
"""From so many changed objects on, reading everything is cheaper than naming them."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where one environment stands."""

    place: Place
    revision: Revision
    environment: Environment


@dataclass(frozen=True, slots=True)
class Changed:
    """The keys of what changed."""

    flags: frozenset[str]
    segments: frozenset[str]
    layers: frozenset[str]


async def heads(tx: ReadTx) -> list[Head]:
    """Where every environment stands, in one state of the database."""
    lineage = str(await tx.scalar(select(installation.c.lineage)))
    rows = await tx.all(
        select(environments, projects.c.key.label("project_key")).join(
            projects, projects.c.id == environments.c.project_id
        )
    )
    return [
        Head(
            Place(row["id"], row["project_key"], row["key"]),
            Revision(lineage, row["revision"]),
            environment_of({column.name: row[column.name] for column in environments.c}),
        )
        for row in rows
    ]


async def changed_since(tx: ReadTx, head: Head, revision: int) -> Changed | None:
    """What changed in an environment after `revision`; None stands for more than is worth naming."""
    rows = await tx.all(
        select(changes.c.object_type, changes.c.object_key)
        .join(environment_revisions, environment_revisions.c.change_id == changes.c.id)
        .where(
            environment_revisions.c.environment_id == head.place.environment_id,
            environment_revisions.c.revision > revision,
        )
        .limit(MANY)
    )
    if len(rows) == MANY:
        return None
    keys: Mapping[str, set[str]] = defaultdict(set)
    for row in rows:
        keys[row["object_type"]].add(row["object_key"])
    return Changed(
        flags=frozenset(keys["flag"] | keys["targeting"]),
        segments=frozenset(keys["segment"]),
        layers=frozenset(keys["layer_allocation"]),
    )


async def rows_of(tx: ReadTx, head: Head, changed: Changed | None) -> Rows:
    """The flags and segments an environment answers with: those that changed, or all of them."""
    if changed is None:
        states = await reads.live_states(tx, head.environment)
        segments = await reads.live_segments(tx, head.environment.project_id)
        layers = await states_in(tx, head.environment)
        return Rows([(state.flag, state.targeting) for state in states], segments, layers)
    outlines = await outlines_in(tx, head.environment) if changed.flags or changed.layers else []
    flags = changed.flags | _limited_by(outlines, changed.layers)
    concerned = [outline.id for outline in outlines if not flags.isdisjoint(outline.edits)]
    layers = await states_in(tx, head.environment, concerned) if concerned else []
    states = await reads.live_states(tx, head.environment, flags) if flags else []
    segments = []
    if changed.segments:
        segments = await reads.live_segments(tx, head.environment.project_id, changed.segments)
    return Rows(
        [(state.flag, state.targeting) for state in states],
        segments,
        layers,
        flags - {state.flag.key for state in states},
        changed.segments - {segment.key for segment in segments},
    )


def _limited_by(outlines: Iterable[Outline], changed: Collection[str]) -> frozenset[str]:
    """Every flag that is or was in one of the layers that changed: more than are touched, never fewer."""
    return frozenset(key for outline in outlines if outline.layer in changed for key in outline.edits)
