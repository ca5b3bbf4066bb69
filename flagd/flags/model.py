"""Flags, their targeting in one environment, and segments as immutable values, and their documents.

Pure: no database, no framework, no clock. A value here is valid: whatever comes from outside is checked
by `patch` on its way in. The documents are what the API shows, what patches merge
into, and what the change log keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from flagd.projects.model import Environment, Project
from flagd_core import ring
from flagd_core.bucketing import SLOTS

Kind = Literal["boolean", "string", "integer", "float", "object"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Document = dict[str, Any]
"""A JSON object, as the API shows it."""

Condition = Mapping[str, Any]
"""A condition in stored form: a leaf, a segment reference, or all / any / not; all and any map ids to conditions."""

DEFAULT_UNIT: Final = "targetingKey"
ALGORITHM: Final = "murmur3"
PERCENT: Final = SLOTS // 100
"""Slots of the ring in one percent."""


@dataclass(frozen=True, slots=True)
class Named:
    """A flag, a segment or a layer by its key, which may not exist."""

    project: Project
    key: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A flag or a layer by its key, which may not exist, in one environment of its project."""

    project: Project
    environment: Environment
    key: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the values a flag can take, under a name that never changes its meaning."""

    key: str
    value: Any
    description: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """What a flag is in all environments of its project. Variants are in the order people see them.

    `schema` is a JSON Schema that the value of every variant satisfies.
    """

    id: str
    project_id: str
    key: str
    name: str
    kind: Kind
    variants: tuple[Variant, ...]
    client_visible: bool
    description: str
    tags: tuple[str, ...]
    owner: str
    permanent: bool
    schema: Document | None
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @property
    def archived(self) -> bool:
        """Whether it is put away: not served, readable, and closed to changes other than being restored."""
        return self.archived_at is not None

    @property
    def variant_keys(self) -> tuple[str, ...]:
        """The names of the variants, in order."""
        return tuple(variant.key for variant in self.variants)

    def document(self) -> Document:
        """The flag as the API shows it."""
        return {
            "key": self.key,
            "name": self.name,
            "kind": self.kind,
            "variants": {
                variant.key: {"value": variant.value, "description": variant.description}
                for variant in self.variants
            },
            "variant_order": list(self.variant_keys),
            "client_visible": self.client_visible,
            "description": self.description,
            "tags": list(self.tags),
            "owner": self.owner,
            "permanent": self.permanent,
            "schema": self.schema,
            "version": self.version,
            "archived": self.archived,
            "created_at": instant(self.created_at),
            "updated_at": instant(self.updated_at),
        }


@dataclass(frozen=True, slots=True)
class Fixed:
    """Serves one variant to everybody."""

    variant: str

    @property
    def arcs(self) -> ring.Arcs:
        """The whole ring, held by the one variant."""
        return ((SLOTS, self.variant),)

    def stored(self) -> Document:
        """The form kept in the database and sent to applications."""
        return {"variant": self.variant}

    def document(self) -> Document:
        """The form the API shows."""
        return self.stored()


@dataclass(frozen=True, slots=True)
class Split:
    """Serves variants by share: a ring of slots divided into arcs, on which `salt` and the unit's text place each unit.

    The arcs are the truth. Weights are derived from them, in percent.
    """

    salt: str
    unit: str
    arcs: ring.Arcs
    algorithm: str = ALGORITHM

    def weights(self) -> dict[str, int | float]:
        """The share of each variant that has one, in percent, by name."""
        return {variant: percent(slots) for variant, slots in sorted(ring.weights_of(self.arcs).items())}

    def stored(self) -> Document:
        """The form kept in the database and sent to applications."""
        arcs = [[end, variant] for end, variant in self.arcs]
        return {"split": {"salt": self.salt, "unit": self.unit, "algorithm": self.algorithm, "arcs": arcs}}

    def document(self) -> Document:
        """The form the API shows."""
        return {"split": {"weights": self.weights(), **self.stored()["split"]}}


Serve = Fixed | Split
"""What an enabled flag answers with, by default or where a rule matches."""


def serve_of(stored: Mapping[str, Any]) -> Serve:
    """A serve from its stored form."""
    if "variant" in stored:
        return Fixed(stored["variant"])
    split = stored["split"]
    arcs = tuple((int(end), str(variant)) for end, variant in split["arcs"])
    return Split(split["salt"], split["unit"], arcs, split["algorithm"])


def percent(slots: int) -> int | float:
    """Slots of the ring in percent: whole where it is whole, else with at most three decimals."""
    return slots // PERCENT if slots % PERCENT == 0 else slots / PERCENT


@dataclass(frozen=True, slots=True)
class Rule:
    """Serves something of its own where its condition holds. The id never changes; the order is the targeting's."""

    id: str
    condition: Condition
    serve: Serve
    description: str = ""

    def document(self) -> Document:
        """The rule as the API shows it."""
        return {
            "description": self.description,
            "if": ordered_condition(self.condition),
            "serve": self.serve.document(),
        }


@dataclass(frozen=True, slots=True)
class Targeting:
    """How one flag answers in one environment. Rules are in the order in which they are tried."""

    id: str
    flag_id: str
    environment_id: str
    enabled: bool
    off_variant: str | None
    default: Serve
    targets: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]
    prerequisites: Mapping[str, tuple[str, ...]]
    version: int
    updated_at: datetime

    def serves(self) -> Iterator[tuple[str, Serve]]:
        """Every serve with the JSON pointer it has in the document, without the last `/serve` of a rule."""
        yield "/default", self.default
        for rule in self.rules:
            yield f"/rules/{rule.id}", rule.serve

    def document(self, flag: str, environment: str) -> Document:
        """The targeting as the API shows it, under the keys of its flag and its environment."""
        return {
            "flag": flag,
            "environment": environment,
            "enabled": self.enabled,
            "off_variant": self.off_variant,
            "default": self.default.document(),
            "targets": {variant: list(self.targets[variant]) for variant in sorted(self.targets)},
            "rules": {rule.id: rule.document() for rule in self.rules},
            "rule_order": [rule.id for rule in self.rules],
            "prerequisites": {key: list(self.prerequisites[key]) for key in sorted(self.prerequisites)},
            "version": self.version,
            "updated_at": instant(self.updated_at),
        }


def default_targeting(flag: Flag, environment_id: str, new_id: str) -> Targeting:
    """How a flag answers in an environment where nobody has said anything yet: it is off.

    `new_id` is the id the targeting has once it is stored. Off serves the variant called "off", else the last one.
    """
    keys = flag.variant_keys
    return Targeting(
        id=new_id,
        flag_id=flag.id,
        environment_id=environment_id,
        enabled=False,
        off_variant="off" if "off" in keys else keys[-1],
        default=Fixed(keys[0]),
        targets={},
        rules=(),
        prerequisites={},
        version=1,
        updated_at=flag.created_at,
    )


@dataclass(frozen=True, slots=True)
class Segment:
    """A named part of a project's units: keys let in, keys kept out (which win), and a condition for all others."""

    id: str
    project_id: str
    key: str
    name: str
    description: str
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    condition: Condition | None
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @property
    def archived(self) -> bool:
        """Whether it is put away: used by nothing, readable, and closed to changes other than being restored."""
        return self.archived_at is not None

    def document(self) -> Document:
        """The segment as the API shows it."""
        return {
            "key": self.key,
            "name": self.name,
            "description": self.description,
            "included": list(self.included),
            "excluded": list(self.excluded),
            "if": None if self.condition is None else ordered_condition(self.condition),
            "version": self.version,
            "archived": self.archived,
            "created_at": instant(self.created_at),
            "updated_at": instant(self.updated_at),
        }


# --- conditions in stored form -----------------------------------------------------------------------------


def ordered_condition(condition: Condition) -> Document:
    """The condition with its members in one order, whatever order the database gave them back in.

    Order never changes what a condition means; ids that were given by position (c1, c2 ... c10) keep it.
    """
    for form in ("all", "any"):
        if form in condition:
            parts = condition[form]
            return {form: {id_: ordered_condition(parts[id_]) for id_ in sorted(parts, key=_by_length)}}
    if "not" in condition:
        return {"not": ordered_condition(condition["not"])}
    return {name: condition[name] for name in (*LEAF_MEMBERS, "segment") if name in condition}


LEAF_MEMBERS: Final = ("attribute", "op", "values", "ignore_case", "on_missing")


def _by_length(id_: str) -> tuple[int, str]:
    return len(id_), id_


def wire_condition(condition: Condition) -> Document:
    """The condition as applications receive it: all and any are arrays, ids are left out."""
    for form in ("all", "any"):
        if form in condition:
            parts = condition[form]
            return {form: [wire_condition(parts[id_]) for id_ in sorted(parts, key=_by_length)]}
    if "not" in condition:
        return {"not": wire_condition(condition["not"])}
    return ordered_condition(condition)


def segments_in(condition: Condition | None) -> tuple[str, ...]:
    """The keys of the segments a condition refers to, each as often as it does: it is asked as often."""
    if condition is None:
        return ()
    if "segment" in condition:
        return (condition["segment"],)
    if "not" in condition:
        return segments_in(condition["not"])
    parts = condition.get("all") or condition.get("any") or {}
    return tuple(key for part in parts.values() for key in segments_in(part))


def instant(moment: datetime) -> str:
    """An instant as RFC 3339 text in UTC."""
    return moment.isoformat().replace("+00:00", "Z")
