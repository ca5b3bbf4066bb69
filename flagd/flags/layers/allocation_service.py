"""What may be done to the slots of a layer in one environment, by anyone.

The same way as with flags: its turn in the project, the version, the checks, one row, the log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from flagd.errors import Stale
from flagd.flags.layers import patch as patches
from flagd.flags.layers import reads, store
from flagd.flags.layers.model import Allocation, Layer, blank_allocation
from flagd.flags.model import Document, Placed
from flagd.flags.reads import live_variants
from flagd.flags.refusals import refuse_archived, refuse_stale
from flagd.infra import changes
from flagd.infra.changes import Actor, Change
from flagd.infra.db import WriteTx
from flagd.infra.ids import new_id
from flagd.projects.reads import open_environment
from flagd.projects.store import lock_open_project


@dataclass(frozen=True, slots=True)
class Written:
    """An allocation after a write, the percent of units that changed their owner, and the environment's revision."""

    layer: Layer
    allocation: Allocation
    moved: int | float
    revision: int


async def patch_allocation(
    tx: WriteTx, actor: Actor, placed: Placed, patch: Document, expected_version: int, now: datetime
) -> Written:
    """Changes who owns how much of the layer. Without a difference nothing is written and the version stays.

    Raises NotFound, Stale, Invalid, and Conflict where the layer, the environment or the project is archived.
    """
    project = await lock_open_project(tx, placed.project.id)
    environment = await open_environment(tx, project, placed.environment.key)
    layer = await reads.find_layer(tx, project, placed.key)
    stored = await reads.stored_allocation(tx, layer, environment)
    old = stored or blank_allocation(layer, environment.id, new_id())
    refuse_stale(f"{layer.key} in {environment.key}", old, expected_version)
    refuse_archived(layer)
    here = Placed(project, environment, layer.key)
    done = patches.reallocate(old, patch, await _surroundings(tx, here, patch))
    if done.allocation == old:
        return Written(layer, old, done.moved, environment.revision)
    if stored is None and not await store.insert_allocation(tx, old):
        raise Stale(f"{layer.key!r} was changed by someone else", old.version + 1)
    saved = await store.save_allocation(tx, done.allocation, now)
    revision = await _log(tx, actor, here, (old, saved), now)
    return Written(layer, saved, done.moved, revision)


async def _surroundings(tx: WriteTx, placed: Placed, patch: Document) -> patches.Surroundings:
    """What the patch may refer to; read only where it names a flag."""
    around = patches.Surroundings(placed.key, placed.environment.key, placed.environment.revision)
    named = patch.get("flags")
    wanted = [key for key, share in named.items() if share is not None] if isinstance(named, dict) else []
    # More than there may be are not looked up: the patch is refused for their number.
    if not 0 < len(wanted) <= patches.MAX_MEMBERS:
        return around
    members = await reads.members_in_project(tx, placed.project.id)
    return replace(
        around,
        flags=(await live_variants(tx, placed.project.id, wanted)).keys(),
        homes={key: home for key, home in members if home.layer != placed.key},
    )


async def _log(
    tx: WriteTx, actor: Actor, placed: Placed, states: tuple[Allocation, Allocation], now: datetime
) -> int:
    before, after = states
    environment = placed.environment
    change = Change(
        object_type="layer_allocation",
        object_id=after.id,
        object_key=placed.key,
        action="update",
        project_id=placed.project.id,
        environment_ids=(environment.id,),
        before=before.document(placed.key, environment.key),
        after=after.document(placed.key, environment.key),
    )
    return (await changes.append(tx, actor, change, now))[environment.id]
