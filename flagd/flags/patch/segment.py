"""Segments from documents: a new one, and an old one under a merge patch.

Pure. The other segments of the project are handed in, with what each refers to.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from flagd.flags.model import Document, Segment, segments_in
from flagd.flags.patch import conditions
from flagd.flags.patch.fields import Fields, at, check_depth
from flagd.flags.patch.merge import SEGMENT, merge
from flagd.flags.patch.references import References, beyond_limits, path_around

MAX_KEYS: Final = 10_000
KEY_LENGTH: Final = 256

WRITABLE: Final = ("name", "description", "included", "excluded", "if")
_FIXED: Final = ("key",)
_KEPT: Final = ("version", "archived", "created_at", "updated_at")
_MEMBERS: Final = (*_FIXED, *WRITABLE, *_KEPT)


def new_segment(
    document: Document, blank_id: tuple[str, str], references: References, now: datetime
) -> Segment:
    """A segment from the document it is created from; `blank_id` is its id and its project's.

    `references` are those of every segment of the project that is not archived.
    """
    check_depth(document)
    fields = Fields()
    fields.object(document, "", (*_FIXED, *WRITABLE))
    key = ""
    if "key" in document:
        key = fields.key(document["key"], "/key")
    else:
        fields.refuse("/key", "is required")
    segment_id, project_id = blank_id
    blank = Segment(
        id=segment_id,
        project_id=project_id,
        key=key,
        name=key,
        description="",
        included=(),
        excluded=(),
        condition=None,
        version=1,
        created_at=now,
        updated_at=now,
        archived_at=None,
    )
    segment = _written(fields, blank, document, references)
    fields.done()
    return segment


def patch_segment(segment: Segment, patch: Document, references: References) -> Segment:
    """The segment under the patch, its version unchanged; equal to the old one when the patch changes nothing."""
    check_depth(patch)
    fields = Fields()
    fields.object(patch, "", _MEMBERS)
    fields.unchanged(patch, segment.document(), (*_FIXED, *_KEPT))
    changed = _written(fields, segment, patch, references)
    fields.done()
    return changed


def _written(fields: Fields, segment: Segment, patch: Document, references: References) -> Segment:
    fields.not_null(patch, ("name",))
    values: dict[str, Any] = {}
    if "name" in patch:
        values["name"] = fields.name(patch["name"], "/name")
    if "description" in patch:
        values["description"] = fields.description(patch["description"], "/description")
    for name in ("included", "excluded"):
        if name in patch:
            values[name] = fields.texts(patch[name], at("", name), MAX_KEYS, KEY_LENGTH)
    if "if" in patch:
        values["condition"] = _condition(fields, segment, patch["if"], references)
    return replace(segment, **values)


def _condition(fields: Fields, segment: Segment, patch: Any, references: References) -> Any:
    merged = merge({"if": segment.document()["if"]}, {"if": patch}, SEGMENT).get("if")
    if merged is None:
        return None
    # Its own key is known, also before it is stored, so that referring to itself is told as the circle it is.
    condition = conditions.parse(fields, merged, "/if", {*references, segment.key})
    named = segments_in(condition)
    path = path_around(segment.key, {**references, segment.key: named})
    if path is not None:
        fields.refuse("/if", f"segments would contain each other: {' -> '.join(path)}")
    elif (reason := beyond_limits(references, segment.key, named, "segment")) is not None:
        fields.refuse("/if", reason)
    return condition
