"""Between rows and values: the stored form of flags, targetings and segments, both ways.

Knows the columns and no statement. `jsonb` gives objects back in an order of its own and numbers in
another form, so what is read is brought into one form here, whatever the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flagd.flags.model import Flag, Kind, Rule, Segment, Targeting, Variant, serve_of
from flagd.flags.patch.values import canonical

Row = Mapping[Any, Any]
Values = dict[str, Any]


def flag_of(row: Row) -> Flag:
    """A flag from its row."""
    stored = row["variants"]
    variants = tuple(
        Variant(key, _value(row["kind"], stored[key]["value"]), stored[key]["description"])
        for key in row["variant_order"]
    )
    return Flag(
        id=row["id"],
        project_id=row["project_id"],
        key=row["key"],
        name=row["name"],
        kind=row["kind"],
        variants=variants,
        client_visible=row["client_visible"],
        description=row["description"],
        tags=tuple(row["tags"]),
        owner=row["owner"],
        permanent=row["permanent"],
        schema=canonical(row["schema"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        archived_at=row["archived_at"],
    )


def flag_values(flag: Flag) -> Values:
    """What an edit of a flag may change, as columns."""
    return {
        "name": flag.name,
        "variants": {
            item.key: {"value": item.value, "description": item.description} for item in flag.variants
        },
        "variant_order": list(flag.variant_keys),
        "client_visible": flag.client_visible,
        "description": flag.description,
        "tags": list(flag.tags),
        "owner": flag.owner,
        "permanent": flag.permanent,
        "schema": flag.schema,
        "archived_at": flag.archived_at,
    }


def targeting_of(row: Row) -> Targeting:
    """A targeting from its row."""
    rules = row["rules"]
    return Targeting(
        id=row["id"],
        flag_id=row["flag_id"],
        environment_id=row["environment_id"],
        enabled=row["enabled"],
        off_variant=row["off_variant"],
        default=serve_of(row["default"]),
        targets={variant: tuple(keys) for variant, keys in sorted(row["targets"].items())},
        rules=tuple(_rule(id_, rules[id_]) for id_ in row["rule_order"]),
        prerequisites={key: tuple(variants) for key, variants in sorted(row["prerequisites"].items())},
        version=row["version"],
        updated_at=row["updated_at"],
    )


def targeting_values(targeting: Targeting) -> Values:
    """What an edit of a targeting may change, as columns."""
    return {
        "enabled": targeting.enabled,
        "off_variant": targeting.off_variant,
        "default": targeting.default.stored(),
        "targets": {variant: list(keys) for variant, keys in targeting.targets.items()},
        "rules": {
            rule.id: {"description": rule.description, "if": rule.condition, "serve": rule.serve.stored()}
            for rule in targeting.rules
        },
        "rule_order": [rule.id for rule in targeting.rules],
        "prerequisites": {key: list(variants) for key, variants in targeting.prerequisites.items()},
    }


def segment_of(row: Row) -> Segment:
    """A segment from its row."""
    return Segment(
        id=row["id"],
        project_id=row["project_id"],
        key=row["key"],
        name=row["name"],
        description=row["description"],
        included=tuple(row["included"]),
        excluded=tuple(row["excluded"]),
        condition=row["condition"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        archived_at=row["archived_at"],
    )


def segment_values(segment: Segment) -> Values:
    """What an edit of a segment may change, as columns."""
    return {
        "name": segment.name,
        "description": segment.description,
        "included": list(segment.included),
        "excluded": list(segment.excluded),
        "condition": segment.condition,
        "archived_at": segment.archived_at,
    }


def _rule(id_: str, stored: Row) -> Rule:
    return Rule(id_, stored["if"], serve_of(stored["serve"]), stored["description"])


def _value(kind: Kind, value: Any) -> Any:
    return float(value) if kind == "float" else canonical(value)
