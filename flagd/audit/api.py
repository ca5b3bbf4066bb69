"""The change log over HTTP. Read only: nobody writes to it here."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from flagd.access.guard import allow
from flagd.access.permissions import Action
from flagd.audit import reads
from flagd.audit.model import ChangeQuery
from flagd.audit.schemas import ChangeList, ChangeView
from flagd.errors import Invalid, Problem, Refused
from flagd.infra.changes import ObjectType
from flagd.infra.http import ReadTxDep
from flagd.infra.paging import DEFAULT_LIMIT, Cursor, Limit
from flagd.projects.guard import Caller
from flagd.projects.reads import find_environment, find_project

MAX_KEY: Final = 320
NO_NUL: Final = r"^[^\x00]*$"

router: Final = APIRouter(prefix="/changes", tags=["changes"])

ReadsChanges = Annotated[Caller, Depends(allow(Action.change_read, narrowed=True))]
Key = Annotated[str | None, Query(max_length=MAX_KEY, pattern=NO_NUL)]


async def change_query(
    caller: ReadsChanges,
    tx: ReadTxDep,
    project: Key = None,
    environment: Annotated[
        str | None, Query(max_length=MAX_KEY, pattern=NO_NUL, description="Needs `project`.")
    ] = None,
) -> ChangeQuery:
    """Where the changes wanted were made. Raises NotFound for a place that is none, Refused for one out of reach."""
    if project is None:
        if environment is not None:
            raise Invalid(Problem("", "needs the project it is in, as well", parameter="environment"))
        return ChangeQuery(project_id=caller.project_id)
    found = await find_project(tx, project)
    if caller.project_id not in (None, found.id):
        raise Refused(f"this key does not reach the project {project!r}")
    if environment is None:
        return ChangeQuery(project_id=found.id)
    return ChangeQuery(
        project_id=found.id, environment_id=(await find_environment(tx, found, environment)).id
    )


Place = Annotated[ChangeQuery, Depends(change_query)]


@router.get("", summary="List changes")
async def list_changes(
    place: Place,
    tx: ReadTxDep,
    object_type: ObjectType | None = None,
    object_key: Key = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ChangeList:
    """Every write, newest first, with who made it and the object before and after it."""
    query = replace(place, object_type=object_type, object_key=object_key, limit=limit, cursor=cursor)
    page = await reads.recent(tx, query)
    return ChangeList(items=[ChangeView.of(entry) for entry in page.items], next_cursor=page.next_cursor)
