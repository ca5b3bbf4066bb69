"""Flags from documents: a new one, and an old one under a merge patch.

Pure. What a change means for other objects (targetings that use a variant) is the service's to find out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

from flagd.flags.model import KINDS, Document, Flag, Kind, Variant
from flagd.flags.patch import value_schema
from flagd.flags.patch.fields import Fields, at, check_depth
from flagd.flags.patch.merge import VARIANTS, merge
from flagd.flags.patch.values import checked_value

MAX_VARIANTS: Final = 100
MAX_TAGS: Final = 50
TAG_LENGTH: Final = 64
OWNER_LENGTH: Final = 320
VARIANT_DESCRIPTION_LENGTH: Final = 500

WRITABLE: Final = (
    "name",
    "variants",
    "variant_order",
    "client_visible",
    "description",
    "tags",
    "owner",
    "permanent",
    "schema",
)
_FIXED: Final = ("key", "kind")
_KEPT: Final = ("version", "archived", "created_at", "updated_at")
_MEMBERS: Final = (*_FIXED, *WRITABLE, *_KEPT)

_ON_OFF: Final[Document] = {"on": {"value": True}, "off": {"value": False}}


def new_flag(document: Document, flag_id: str, project_id: str, now: datetime) -> Flag:
    """A flag from the document it is created from. A boolean flag without variants gets on and off."""
    check_depth(document)
    fields = Fields()
    fields.object(document, "", (*_FIXED, *WRITABLE))
    for name in _FIXED:
        if name not in document:
            fields.refuse(at("", name), "is required")
    key = fields.key(document["key"], "/key") if "key" in document else ""
    kind = _kind(fields, document.get("kind", "boolean"))
    given = dict(document)
    if document.get("variants") is None and kind == "boolean":
        given["variants"] = _ON_OFF
    elif document.get("variants") is None:
        fields.refuse("/variants", f"is required: a {kind} flag needs the values it can take")
    blank = Flag(
        id=flag_id,
        project_id=project_id,
        key=key,
        name=key,
        kind=kind,
        variants=(),
        client_visible=False,
        description="",
        tags=(),
        owner="",
        permanent=False,
        schema=None,
        version=1,
        created_at=now,
        updated_at=now,
        archived_at=None,
    )
    flag = _written(fields, blank, {name: given[name] for name in WRITABLE if name in given})
    fields.done()
    return flag


def patch_flag(flag: Flag, patch: Document) -> Flag:
    """The flag under the patch, its version unchanged; equal to the old one when the patch changes nothing."""
    check_depth(patch)
    fields = Fields()
    fields.object(patch, "", _MEMBERS)
    fields.unchanged(patch, flag.document(), (*_FIXED, *_KEPT))
    changed = _written(fields, flag, patch)
    fields.done()
    return changed


def _written(fields: Fields, flag: Flag, patch: Document) -> Flag:
    fields.not_null(patch, ("name", "variants", "client_visible", "permanent"))
    given = {name: value for name, value in patch.items() if name in WRITABLE}
    values: dict[str, Any] = {
        name: check(fields, given[name], at("", name)) for name, check in _SIMPLE.items() if name in given
    }
    if "variants" in given or "variant_order" in given:
        values["variants"] = _variants(fields, flag, given)
    changed = replace(flag, **values)
    if changed.schema is not None and not fields.problems:
        # Under the schema that was there, what the patch does not name was checked when it was written.
        named = changed.variant_keys if "schema" in given else given.get("variants", ())
        value_schema.check_values(
            fields, changed.schema, [item for item in changed.variants if item.key in named]
        )
    return changed


_SIMPLE: Final = {
    "name": Fields.name,
    "client_visible": Fields.boolean,
    "description": Fields.description,
    "tags": lambda fields, value, pointer: fields.texts(value, pointer, MAX_TAGS, TAG_LENGTH),
    "owner": lambda fields, value, pointer: fields.text(
        "" if value is None else value, pointer, OWNER_LENGTH
    ),
    "permanent": Fields.boolean,
    "schema": value_schema.parse,
}


def _variants(fields: Fields, flag: Flag, patch: Document) -> tuple[Variant, ...]:
    old = {variant.key: variant for variant in flag.variants}
    given = patch.get("variants", {})
    if not isinstance(given, dict):
        fields.object(given, "/variants")
        return flag.variants
    merged = merge(flag.document()["variants"], given, VARIANTS)
    if not 1 <= len(merged) <= MAX_VARIANTS:
        fields.refuse("/variants", f"must be 1 to {MAX_VARIANTS} variants, not {len(merged)}")
        return flag.variants
    variants = {
        # What the patch does not name was checked when it was written.
        key: _variant(fields, flag.kind, key, document) if key in given else old[key]
        for key, document in merged.items()
    }
    order = list(variants)
    if patch.get("variant_order") is not None:
        order = fields.order(patch["variant_order"], "/variant_order", variants, "variant")
    return tuple(variants[key] for key in order if key in variants)


def _variant(fields: Fields, kind: Kind, key: str, document: Any) -> Variant:
    pointer = at("/variants", key)
    fields.key(key, pointer)
    members = fields.object(document, pointer, ("value", "description"))
    description = members.get("description", "")
    return Variant(
        key,
        checked_value(fields, kind, members.get("value"), at(pointer, "value")),
        fields.text(description, at(pointer, "description"), VARIANT_DESCRIPTION_LENGTH),
    )


def _kind(fields: Fields, value: Any) -> Kind:
    if value not in KINDS:
        fields.refuse("/kind", f"must be one of {', '.join(KINDS)}")
        return "boolean"
    return cast(Kind, value)
