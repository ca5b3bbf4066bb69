"""What may be done to flags, by anyone: the API, the pages, the first start, whatever comes later.

Each write takes its turn in the project, compares the caller's version, checks what depends on the flag,
stores one row and appends to the change log, all in the transaction it is handed. It knows nothing of
HTTP and of permissions.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from flagd.errors import Conflict, Problem
from flagd.flags import patch as patches
from flagd.flags import reads, store, usage
from flagd.flags.layers.reads import members_in_project
from flagd.flags.model import Document, Flag, Named, default_targeting
from flagd.flags.refusals import refuse_archived, refuse_stale
from flagd.infra import changes
from flagd.infra.changes import Action, Actor, Change
from flagd.infra.db import WriteTx
from flagd.infra.ids import new_id
from flagd.projects.model import Project
from flagd.projects.reads import environments_of
from flagd.projects.store import lock_open_project


async def create_flag(tx: WriteTx, actor: Actor, project: Project, document: Document, now: datetime) -> Flag:
    """Creates a flag that is off in every environment. Raises Invalid, and Conflict when the key was ever used."""
    await lock_open_project(tx, project.id)
    flag = patches.new_flag(document, new_id(), project.id, now)
    if not await store.insert_flag(tx, flag):
        detail = (
            f"there is already a flag {flag.key!r} in the project {project.key!r}, perhaps an archived one"
        )
        raise Conflict(detail, (Problem("/key", detail),))
    for environment in await environments_of(tx, project):
        await store.insert_targeting(tx, default_targeting(flag, environment.id, new_id()))
    await _log(tx, actor, (project, "create"), (None, flag), now)
    return flag


async def patch_flag(
    tx: WriteTx, actor: Actor, named: Named, patch: Document, expected_version: int, now: datetime
) -> Flag:
    """Changes some members, in all environments. Without a difference nothing is written and the version stays.

    Raises NotFound, Stale, Invalid, and Conflict for an archived flag or a variant that is still used.
    """
    flag = await _opened(tx, named, expected_version)
    refuse_archived(flag)
    changed = patches.patch_flag(flag, patch)
    if patches.same(changed.document(), flag.document()):
        return flag
    await _refuse_used_variants(tx, flag, changed)
    saved = await store.save_flag(tx, changed, now)
    await _log(tx, actor, (named.project, "update"), (flag, saved), now)
    return saved


async def archive_flag(tx: WriteTx, actor: Actor, named: Named, expected_version: int, now: datetime) -> Flag:
    """Puts a flag away: no application is sent it any more.

    Raises Conflict while it is another flag's prerequisite or a layer has it: put away, it would keep slots
    of the layer's from those who are served.
    """
    flag = await _opened(tx, named, expected_version)
    if flag.archived:
        return flag
    placed = await reads.project_targetings(tx, flag.project_id, archived=False)
    users = [
        f"{item.flag!r} in {item.environment!r}"
        for item in placed
        if flag.key in item.targeting.prerequisites
    ]
    if users:
        raise Conflict(f"{flag.key!r} is a prerequisite of {usage.in_words(users)}")
    homes = [place for key, place in await members_in_project(tx, flag.project_id) if key == flag.key]
    if homes:
        raise Conflict(f"{flag.key!r} is in {usage.in_words([home.in_words() for home in homes])}")
    saved = await store.save_flag(tx, replace(flag, archived_at=now), now)
    await _log(tx, actor, (named.project, "archive"), (flag, saved), now)
    return saved


async def restore_flag(tx: WriteTx, actor: Actor, named: Named, expected_version: int, now: datetime) -> Flag:
    """Brings an archived flag back as it was, salts and arcs included.

    Raises Conflict when it needs a segment or a prerequisite that was archived in the meantime, or its
    prerequisites have come to lead further than applications follow.
    """
    flag = await _opened(tx, named, expected_version)
    if not flag.archived:
        return flag
    await _refuse_missing_needs(tx, flag)
    await _refuse_endless_needs(tx, flag)
    saved = await store.save_flag(tx, replace(flag, archived_at=None), now)
    await _log(tx, actor, (named.project, "restore"), (flag, saved), now)
    return saved


async def _opened(tx: WriteTx, named: Named, expected_version: int) -> Flag:
    await lock_open_project(tx, named.project.id)
    flag = await reads.find_flag(tx, named.project, named.key)
    refuse_stale(flag.key, flag, expected_version)
    return flag


async def _refuse_used_variants(tx: WriteTx, flag: Flag, changed: Flag) -> None:
    removed = [key for key in flag.variant_keys if key not in changed.variant_keys]
    if not removed:
        return
    uses: dict[str, list[str]] = {key: [] for key in removed}
    for environment, targeting in await reads.targetings_of(tx, flag):
        for key in removed:
            uses[key] += [f"{where} in {environment!r}" for where in usage.uses_of_variant(targeting, key)]
    for item in await reads.project_targetings(tx, flag.project_id, archived=True):
        for key in set(removed).intersection(item.targeting.prerequisites.get(flag.key, ())):
            uses[key].append(f"prerequisite of {item.flag!r} in {item.environment!r}")
    problems = tuple(
        Problem(f"/variants/{key}", f"the variant {key!r} is used: {usage.in_words(places)}")
        for key, places in uses.items()
        if places
    )
    if problems:
        raise Conflict("; ".join(problem.detail for problem in problems), problems)


async def _refuse_missing_needs(tx: WriteTx, flag: Flag) -> None:
    targetings = [targeting for _, targeting in await reads.targetings_of(tx, flag)]
    flags = {key for targeting in targetings for key in targeting.prerequisites}
    lost_flags = flags - (await reads.live_variants(tx, flag.project_id, flags)).keys()
    segments = usage.segments_of(targetings)
    lost_segments = (
        segments - (await reads.segment_references(tx, flag.project_id)).keys() if segments else segments
    )
    lost = [f"flag {key!r}" for key in sorted(lost_flags)] + [
        f"segment {key!r}" for key in sorted(lost_segments)
    ]
    if lost:
        raise Conflict(f"{flag.key!r} needs what is archived: {usage.in_words(lost)}")


async def _refuse_endless_needs(tx: WriteTx, flag: Flag) -> None:
    steps = patches.steps_of(await reads.segment_references(tx, flag.project_id))
    for environment, targeting in await reads.targetings_of(tx, flag):
        reason = patches.beyond_steps(usage.segments_asked(targeting), steps)
        if reason is not None:
            raise Conflict(f"{flag.key!r} cannot come back to {environment!r}: {reason}")
        if targeting.prerequisites:
            others = await reads.requirements(tx, targeting.environment_id)
            reason = patches.beyond_limits(others, flag.key, targeting.prerequisites, "prerequisite")
            if reason is not None:
                raise Conflict(f"{flag.key!r} cannot come back to {environment!r}: {reason}")


async def _log(
    tx: WriteTx,
    actor: Actor,
    what: tuple[Project, Action],
    states: tuple[Flag | None, Flag],
    now: datetime,
) -> None:
    project, action = what
    before, after = states
    change = Change(
        object_type="flag",
        object_id=after.id,
        object_key=after.key,
        action=action,
        project_id=project.id,
        environment_ids=tuple(item.id for item in await environments_of(tx, project)),
        before=None if before is None else before.document(),
        after=after.document(),
    )
    await changes.append(tx, actor, change, now)
