"""What may be done to a flag in one environment, by anyone.

The same way as `service`: its turn in the project, the version, the checks, one row, the log.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from flagd.errors import Stale
from flagd.flags import patch as patches
from flagd.flags import reads, store
from flagd.flags.layers.reads import membership
from flagd.flags.model import Document, Flag, Placed, Targeting, default_targeting
from flagd.flags.patch.rollout import Rollout, rollout_patch
from flagd.flags.refusals import refuse_archived, refuse_stale
from flagd.infra import changes
from flagd.infra.changes import Actor, Change
from flagd.infra.db import WriteTx
from flagd.infra.ids import new_id
from flagd.projects.reads import open_environment
from flagd.projects.store import lock_open_project

SALT_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A targeting after a write, the percent of each ring that moved, and the environment's revision."""

    flag: Flag
    targeting: Targeting
    moved: Mapping[str, int | float]
    revision: int


async def patch_targeting(
    tx: WriteTx, actor: Actor, placed: Placed, patch: Document, expected_version: int, now: datetime
) -> Written:
    """Changes some members, in this environment only. Without a difference nothing is written and the version stays.

    Raises NotFound, Stale, Invalid, and Conflict where the flag, the environment or the project is archived.
    """
    opened = await _opened(tx, placed, expected_version)
    return await _write(tx, actor, opened, patch, now)


async def set_enabled(
    tx: WriteTx, actor: Actor, placed: Placed, enabled: bool, expected_version: int, now: datetime
) -> Written:
    """Turns the flag on or off. Raises as `patch_targeting` does."""
    return await patch_targeting(tx, actor, placed, {"enabled": enabled}, expected_version, now)


async def set_rollout(
    tx: WriteTx, actor: Actor, placed: Placed, rollout: Rollout, expected_version: int, now: datetime
) -> Written:
    """Serves one variant to a share of everyone whom no rule serves; the others keep their proportions.

    Raises as `patch_targeting` does; a percentage that cannot be is Invalid.
    """
    opened = await _opened(tx, placed, expected_version)
    patch = rollout_patch(opened.targeting, opened.flag.variant_keys, rollout)
    return await _write(tx, actor, opened, patch, now)


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a write found when its turn came; `is_stored` says whether the targeting has a row yet."""

    placed: Placed
    flag: Flag
    targeting: Targeting
    is_stored: bool


async def _opened(tx: WriteTx, placed: Placed, expected_version: int) -> _Opened:
    project = await lock_open_project(tx, placed.project.id)
    environment = await open_environment(tx, project, placed.environment.key)
    flag = await reads.find_flag(tx, project, placed.key)
    stored = await reads.stored_targeting(tx, flag, environment)
    targeting = stored or default_targeting(flag, environment.id, new_id())
    refuse_stale(f"{flag.key} in {environment.key}", targeting, expected_version)
    refuse_archived(flag)
    return _Opened(Placed(project, environment, flag.key), flag, targeting, stored is not None)


async def _write(tx: WriteTx, actor: Actor, opened: _Opened, patch: Document, now: datetime) -> Written:
    placed, flag, old = opened.placed, opened.flag, opened.targeting
    patched = patches.apply(old, patch, await _surroundings(tx, opened, patch))
    keys = flag.key, placed.environment.key
    if patches.same(patched.targeting.document(*keys), old.document(*keys)):
        return Written(flag, old, patched.moved, placed.environment.revision)
    if not opened.is_stored and not await store.insert_targeting(tx, old):
        raise Stale(f"{flag.key!r} was changed by someone else", old.version + 1)
    saved = await store.save_targeting(tx, patched.targeting, now)
    revision = await _log(tx, actor, placed, (old, saved), now)
    return Written(flag, saved, patched.moved, revision)


async def _surroundings(tx: WriteTx, opened: _Opened, patch: Document) -> patches.Surroundings:
    """What the patch may refer to; read only where it refers to something."""
    placed, flag = opened.placed, opened.flag
    around = patches.Surroundings(
        flag=flag,
        environment=placed.environment.key,
        revision=placed.environment.revision,
        salt=secrets.token_hex(SALT_BYTES),
    )
    if "layer" in patch:
        around = replace(around, layer=await membership(tx, placed.environment, flag.key))
    if patch.get("rules"):
        around = replace(around, segments=await reads.segment_references(tx, flag.project_id))
    named = patch.get("prerequisites")
    if isinstance(named, dict):
        wanted = {key for key, variants in named.items() if variants is not None}
        # More than there may be are not looked up: the patch is refused for their number.
        if len(wanted) <= patches.MAX_PREREQUISITES:
            others = await reads.requirements(tx, placed.environment.id)
            wanted.update(opened.targeting.prerequisites)
            around = replace(
                around,
                flags=await reads.live_variants(tx, flag.project_id, wanted),
                requirements={key: keys for key, keys in others.items() if key != flag.key},
            )
    return around


async def _log(
    tx: WriteTx, actor: Actor, placed: Placed, states: tuple[Targeting, Targeting], now: datetime
) -> int:
    before, after = states
    environment = placed.environment
    change = Change(
        object_type="targeting",
        object_id=after.id,
        object_key=placed.key,
        action="update",
        project_id=placed.project.id,
        environment_ids=(environment.id,),
        before=before.document(placed.key, environment.key),
        after=after.document(placed.key, environment.key),
    )
    return (await changes.append(tx, actor, change, now))[environment.id]
