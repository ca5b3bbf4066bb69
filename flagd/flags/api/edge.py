"""What the routes of this folder share: who may, which object is meant, and how a document is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Query, Response, status

from flagd.access.guard import allow
from flagd.access.permissions import Action
from flagd.flags.reads import ListQuery
from flagd.infra.http import etag
from flagd.infra.paging import DEFAULT_LIMIT, Cursor, Limit
from flagd.projects.guard import Caller

ReadsFlags = Annotated[Caller, Depends(allow(Action.flag_read))]
WritesFlags = Annotated[Caller, Depends(allow(Action.flag_write))]
ReadsSegments = Annotated[Caller, Depends(allow(Action.segment_read))]
WritesSegments = Annotated[Caller, Depends(allow(Action.segment_write))]
ReadsLayers = Annotated[Caller, Depends(allow(Action.layer_read))]
WritesLayers = Annotated[Caller, Depends(allow(Action.layer_write))]

MAX_SEARCH: Final = 200
NO_NUL: Final = r"^[^\x00]*$"


def list_query(
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    archived: Annotated[bool, Query(description="Whether to include what is archived.")] = False,
    search: Annotated[
        str | None,
        Query(
            max_length=MAX_SEARCH, pattern=NO_NUL, description="Part of a key or a name, whatever its case."
        ),
    ] = None,
) -> ListQuery:
    """Which part of a list is asked for."""
    return ListQuery(limit, cursor, archived, search)


Listing = Annotated[ListQuery, Depends(list_query)]


def document(content: Mapping[str, Any], version: int, location: str | None = None) -> Response:
    """A versioned object with its ETag; with a location: it was just created there."""
    headers = {"ETag": etag(version)}
    if location is None:
        return Response(orjson.dumps(content), status.HTTP_200_OK, headers, "application/json")
    headers["Location"] = location
    return Response(orjson.dumps(content), status.HTTP_201_CREATED, headers, "application/json")


def listed(items: list[dict[str, Any]], next_cursor: str | None) -> Response:
    """A page of a list."""
    return Response(orjson.dumps({"items": items, "next_cursor": next_cursor}), media_type="application/json")
