"""What may be done to segments, by anyone. The same way as `service`: turn, version, checks, one row, the log.

An edit reaches every environment of the project, since rules of any of them may name the segment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from flagd.errors import Conflict, Invalid, Problem
from flagd.flags import patch as patches
from flagd.flags import reads, store, usage
from flagd.flags.model import Document, Named, Segment, segments_in
from flagd.flags.refusals import refuse_archived, refuse_stale
from flagd.infra import changes
from flagd.infra.changes import Action, Actor, Change
from flagd.infra.db import WriteTx
from flagd.infra.ids import new_id
from flagd.projects.model import Project
from flagd.projects.reads import environments_of
from flagd.projects.store import lock_open_project


async def create_segment(
    tx: WriteTx, actor: Actor, project: Project, document: Document, now: datetime
) -> Segment:
    """Creates a segment. Raises Invalid, and Conflict when the key was ever used in the project."""
    await lock_open_project(tx, project.id)
    references = await reads.segment_references(tx, project.id)
    segment = patches.new_segment(document, (new_id(), project.id), references, now)
    if not await store.insert_segment(tx, segment):
        detail = f"there is already a segment {segment.key!r} in the project {project.key!r}, perhaps an archived one"
        raise Conflict(detail, (Problem("/key", detail),))
    await _log(tx, actor, (project, "create"), (None, segment), now)
    return segment


async def patch_segment(
    tx: WriteTx, actor: Actor, named: Named, patch: Document, expected_version: int, now: datetime
) -> Segment:
    """Changes some members. Without a difference nothing is written and the version stays.

    Raises NotFound, Stale, Invalid, and Conflict for an archived segment.
    """
    segment = await _opened(tx, named, expected_version)
    refuse_archived(segment)
    references = await reads.segment_references(tx, segment.project_id)
    changed = patches.patch_segment(segment, patch, references)
    if patches.same(changed.document(), segment.document()):
        return segment
    await _refuse_endless_rules(tx, changed, references)
    saved = await store.save_segment(tx, changed, now)
    await _log(tx, actor, (named.project, "update"), (segment, saved), now)
    return saved


async def archive_segment(
    tx: WriteTx, actor: Actor, named: Named, expected_version: int, now: datetime
) -> Segment:
    """Puts a segment away. Raises Conflict while a flag or another segment uses it."""
    segment = await _opened(tx, named, expected_version)
    if segment.archived:
        return segment
    users = [
        f"{where} of {item.flag!r} in {item.environment!r}"
        for item in await reads.project_targetings(tx, segment.project_id, archived=False)
        for where in usage.uses_of_segment(item.targeting, segment.key)
    ]
    others = await reads.segment_references(tx, segment.project_id)
    users += [f"segment {key!r}" for key in sorted(others) if segment.key in others[key]]
    if users:
        raise Conflict(f"the segment {segment.key!r} is used: {usage.in_words(users)}")
    saved = await store.save_segment(tx, replace(segment, archived_at=now), now)
    await _log(tx, actor, (named.project, "archive"), (segment, saved), now)
    return saved


async def restore_segment(
    tx: WriteTx, actor: Actor, named: Named, expected_version: int, now: datetime
) -> Segment:
    """Brings an archived segment back.

    Raises Conflict when a segment it names was archived in the meantime, or leads further than applications follow.
    """
    segment = await _opened(tx, named, expected_version)
    if not segment.archived:
        return segment
    live = await reads.segment_references(tx, segment.project_id)
    needed = segments_in(segment.condition)
    lost = [f"segment {key!r}" for key in sorted(set(needed) - live.keys())]
    if lost:
        raise Conflict(f"{segment.key!r} needs what is archived: {usage.in_words(lost)}")
    reason = patches.beyond_limits(live, segment.key, needed, "segment")
    if reason is not None:
        raise Conflict(f"{segment.key!r} cannot come back: {reason}")
    saved = await store.save_segment(tx, replace(segment, archived_at=None), now)
    await _log(tx, actor, (named.project, "restore"), (segment, saved), now)
    return saved


async def _refuse_endless_rules(
    tx: WriteTx, segment: Segment, references: Mapping[str, Collection[str]]
) -> None:
    """Refuses what a segment would refer to, where the rules of a flag could then not be followed any more."""
    named = segments_in(segment.condition)
    if Counter(named) <= Counter(list(references.get(segment.key, ()))):
        return
    before, after = patches.steps_of(references), patches.steps_of({**references, segment.key: named})
    for item in await reads.project_targetings(tx, segment.project_id, archived=False):
        asked = usage.segments_asked(item.targeting)
        reason = patches.beyond_steps(asked, after)
        if reason is not None and patches.beyond_steps(asked, before) is None:
            raise Invalid(Problem("/if", f"of {item.flag!r} in {item.environment!r}, {reason}"))


async def _opened(tx: WriteTx, named: Named, expected_version: int) -> Segment:
    await lock_open_project(tx, named.project.id)
    segment = await reads.find_segment(tx, named.project, named.key)
    refuse_stale(segment.key, segment, expected_version)
    return segment


async def _log(
    tx: WriteTx,
    actor: Actor,
    what: tuple[Project, Action],
    states: tuple[Segment | None, Segment],
    now: datetime,
) -> None:
    project, action = what
    before, after = states
    change = Change(
        object_type="segment",
        object_id=after.id,
        object_key=after.key,
        action=action,
        project_id=project.id,
        environment_ids=tuple(item.id for item in await environments_of(tx, project)),
        before=None if before is None else before.document(),
        after=after.document(),
    )
    await changes.append(tx, actor, change, now)
