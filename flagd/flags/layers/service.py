"""What may be done to layers, by anyone: turn, version, checks, one row, the log, as with flags.

What a layer is reaches applications through flags that it limits. While there is one, unit and salt stay as
they are, so nothing that is changed here can be noticed by an application.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Final

from flagd.errors import Conflict, Problem
from flagd.flags import usage
from flagd.flags.layers import patch as patches
from flagd.flags.layers import reads, store
from flagd.flags.layers.model import Layer
from flagd.flags.model import Document, Named
from flagd.flags.refusals import refuse_archived, refuse_stale
from flagd.infra import changes
from flagd.infra.changes import Action, Actor, Change
from flagd.infra.db import ReadTx, WriteTx
from flagd.infra.ids import new_id
from flagd.projects.model import Environment, Project
from flagd.projects.store import lock_open_project

SALT_BYTES: Final = 8


async def create_layer(
    tx: WriteTx, actor: Actor, project: Project, document: Document, now: datetime
) -> Layer:
    """Creates a layer that limits nobody yet. Raises Invalid, and Conflict when the key was ever used."""
    await lock_open_project(tx, project.id)
    layer = patches.new_layer(document, (new_id(), project.id), secrets.token_hex(SALT_BYTES), now)
    if not await store.insert_layer(tx, layer):
        detail = (
            f"there is already a layer {layer.key!r} in the project {project.key!r}, perhaps an archived one"
        )
        raise Conflict(detail, (Problem("/key", detail),))
    await _log(tx, actor, (project, "create"), (None, layer), now)
    return layer


async def patch_layer(
    tx: WriteTx, actor: Actor, named: Named, patch: Document, expected_version: int, now: datetime
) -> Layer:
    """Changes some members. Without a difference nothing is written and the version stays.

    Raises NotFound, Stale, Invalid, and Conflict for an archived layer and for another unit or salt while it
    has flags: that would place everybody anew.
    """
    layer = await _opened(tx, named, expected_version)
    refuse_archived(layer)
    changed = patches.patch_layer(layer, patch, secrets.token_hex(SALT_BYTES))
    if changed == layer:
        return layer
    moving = [name for name in ("unit", "salt") if getattr(changed, name) != getattr(layer, name)]
    # Applications of an archived environment are answered as before, so it counts here.
    if moving and (flags := await _flags_of(tx, layer, archived=True)):
        detail = f"would place every unit anew while the layer has flags: {usage.in_words(flags)}"
        problems = tuple(Problem(f"/{name}", detail) for name in moving)
        raise Conflict(f"another {' and '.join(moving)} {detail}", problems)
    saved = await store.save_layer(tx, changed, now)
    await _log(tx, actor, (named.project, "update"), (layer, saved), now)
    return saved


async def archive_layer(
    tx: WriteTx, actor: Actor, named: Named, expected_version: int, now: datetime
) -> Layer:
    """Puts a layer away. Raises Conflict while it has a flag in any environment that is not archived itself."""
    layer = await _opened(tx, named, expected_version)
    if layer.archived:
        return layer
    if flags := await _flags_of(tx, layer, archived=False):
        raise Conflict(f"the layer {layer.key!r} has flags: {usage.in_words(flags)}")
    saved = await store.save_layer(tx, replace(layer, archived_at=now), now)
    await _log(tx, actor, (named.project, "archive"), (layer, saved), now)
    return saved


async def restore_layer(
    tx: WriteTx, actor: Actor, named: Named, expected_version: int, now: datetime
) -> Layer:
    """Brings an archived layer back as it was, holdouts included."""
    layer = await _opened(tx, named, expected_version)
    if not layer.archived:
        return layer
    saved = await store.save_layer(tx, replace(layer, archived_at=None), now)
    await _log(tx, actor, (named.project, "restore"), (layer, saved), now)
    return saved


async def refuse_reopening(tx: ReadTx, environment: Environment) -> None:
    """Raises Conflict where an archived environment cannot come back as it was, for what its layers have there.

    While it was away a flag may have gone into another layer elsewhere, and one of its layers may have been
    archived. Nothing is taken out of a layer here: that would serve the flag to everybody. An archived flag
    that a layer still has there is served to nobody; it stays until somebody takes it out.
    """
    homes = dict(await reads.members_in_project(tx, environment.project_id))
    reasons = []
    for here in await reads.outlines_in(tx, environment):
        if here.archived and here.members:
            flags = usage.in_words([repr(key) for key in here.members])
            reasons.append(
                f"the layer {here.layer!r}, which has {flags} there, is archived: restore it first"
            )
        reasons += [
            f"{key!r} is in the layer {here.layer!r} there and is now in {homes[key].in_words()},"
            " and a flag is in one layer only: take it out first"
            for key in here.members
            if key in homes and homes[key].layer != here.layer
        ]
    if reasons:
        raise Conflict(f"{environment.key!r} cannot come back: {usage.in_words(reasons)}")


async def _opened(tx: WriteTx, named: Named, expected_version: int) -> Layer:
    await lock_open_project(tx, named.project.id)
    layer = await reads.find_layer(tx, named.project, named.key)
    refuse_stale(layer.key, layer, expected_version)
    return layer


async def _flags_of(tx: WriteTx, layer: Layer, *, archived: bool) -> list[str]:
    return [
        f"{key!r} in {'the archived ' if home.archived else ''}{home.environment!r}"
        for key, home in await reads.members_in_project(tx, layer.project_id, archived=archived)
        if home.layer == layer.key
    ]


async def _log(
    tx: WriteTx,
    actor: Actor,
    what: tuple[Project, Action],
    states: tuple[Layer | None, Layer],
    now: datetime,
) -> None:
    project, action = what
    before, after = states
    change = Change(
        object_type="layer",
        object_id=after.id,
        object_key=after.key,
        action=action,
        project_id=project.id,
        environment_ids=(),
        before=None if before is None else before.document(),
        after=after.document(),
    )
    await changes.append(tx, actor, change, now)
