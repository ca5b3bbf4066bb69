"""A targeting under a merge patch: the new targeting, and how much of each ring changes its variant.

Pure. Only what the patch names is read and checked, so that a flag can be switched off whatever else
may have become of it; what it names is checked against the flag, its project and the environment, which
are handed in as `Surroundings`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flagd.flags.model import Document, Flag, Rule, Serve, Split, Targeting, percent, segments_in
from flagd.flags.patch import conditions
from flagd.flags.patch.fields import Fields, at, check_depth
from flagd.flags.patch.flag import MAX_VARIANTS
from flagd.flags.patch.merge import RULE, merge, merge_serve
from flagd.flags.patch.references import References, beyond_limits, beyond_steps, path_around, steps_of
from flagd.flags.patch.serve import Salts, ServeParser
from flagd_core import ring
from flagd_core.bucketing import SLOTS

MAX_RULES: Final = 200
MAX_TARGETS: Final = 10_000
TARGET_LENGTH: Final = 256
MAX_PREREQUISITES: Final = 50
RULE_DESCRIPTION_LENGTH: Final = 500

WRITABLE: Final = ("enabled", "off_variant", "default", "targets", "rules", "rule_order", "prerequisites")
_KEPT: Final = ("flag", "environment", "layer", "version", "updated_at", "revision")
_RULE_MEMBERS: Final = ("description", "if", "serve")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a targeting may refer to. `salt` is random text for a split that has none yet.

    `flags` holds the variants of every flag that is or would be a prerequisite, archived flags left out;
    `requirements` maps every flag of the project to its prerequisites in this environment, this flag's
    own left out; `segments` maps every segment to those it refers to. `layer` is what limits the flag
    there; it is known where the patch sends it back.
    """

    flag: Flag
    environment: str
    revision: int
    salt: str
    segments: References = field(default_factory=dict)
    flags: Mapping[str, Collection[str]] = field(default_factory=dict)
    requirements: References = field(default_factory=dict)
    layer: Document | None = None


@dataclass(frozen=True, slots=True)
class Patched:
    """The targeting after a patch, its version unchanged, and the percent of each ring that moved."""

    targeting: Targeting
    moved: Mapping[str, int | float]


def apply(old: Targeting, patch: Document, around: Surroundings) -> Patched:
    """The old targeting under the patch. Raises Invalid with every problem and its place in the patch."""
    check_depth(patch)
    fields = Fields()
    fields.object(patch, "", (*WRITABLE, *_KEPT))
    current = old.document(around.flag.key, around.environment)
    current |= {"layer": around.layer, "revision": around.revision}
    fields.unchanged(patch, current, _KEPT)
    fields.not_null(patch, ("enabled", "default"))
    new = _Application(fields, old, patch, around).carry_out()
    fields.done()
    return Patched(new, moved_shares(old, new))


def moved_shares(old: Targeting, new: Targeting) -> dict[str, int | float]:
    """The percent of units that another variant is served to, by the pointer of each serve that both have."""
    before = dict(old.serves())
    return {
        pointer: percent(_moved(before[pointer], serve))
        for pointer, serve in new.serves()
        if pointer in before
    }


def _moved(old: Serve, new: Serve) -> int:
    """Slots that change their variant. With another salt or unit, everyone draws anew: then it is what is expected."""
    if isinstance(old, Split) and isinstance(new, Split) and (old.salt, old.unit) != (new.salt, new.unit):
        before, after = ring.weights_of(old.arcs), ring.weights_of(new.arcs)
        staying = sum(slots * after.get(variant, 0) for variant, slots in before.items())
        return SLOTS - staying // SLOTS
    return ring.moved(old.arcs, new.arcs)


class _Application:
    """One patch on its way into one targeting; each method reads one member."""

    def __init__(self, fields: Fields, old: Targeting, patch: Document, around: Surroundings) -> None:
        self._fields = fields
        self._old = old
        self._patch = patch
        self._around = around
        self._parser = ServeParser(fields, around.flag.variant_keys, Salts(around.salt))

    def carry_out(self) -> Targeting:
        patch = self._patch
        values: dict[str, Any] = {}
        if "enabled" in patch:
            values["enabled"] = self._fields.boolean(patch["enabled"], "/enabled")
        if "off_variant" in patch:
            off = patch["off_variant"]
            values["off_variant"] = None if off is None else self._parser.variant(off, "/off_variant")
        if "default" in patch:
            values["default"] = self._serve(self._old.default, patch["default"], "/default")
        if "targets" in patch:
            values["targets"] = self._targets()
        if "rules" in patch or "rule_order" in patch:
            values["rules"] = self._rules()
        if "prerequisites" in patch:
            values["prerequisites"] = self._prerequisites()
        return replace(self._old, **values)

    def _serve(self, old: Serve, patch: Any, pointer: str) -> Serve:
        return self._parser.serve(merge_serve(old.document(), patch), pointer, old)

    def _targets(self) -> dict[str, tuple[str, ...]]:
        old = {variant: list(keys) for variant, keys in self._old.targets.items()}
        given = self._patch["targets"]
        merged = {} if given is None else self._fields.object(merge(old, given), "/targets")
        if len(merged) > MAX_VARIANTS:
            self._fields.refuse("/targets", f"must be at most {MAX_VARIANTS} variants, not {len(merged)}")
            return {}
        targets = {
            self._parser.variant(variant, at("/targets", variant)): keys for variant, keys in merged.items()
        }
        found = {
            variant: self._fields.texts(keys, at("/targets", variant), MAX_TARGETS, TARGET_LENGTH)
            for variant, keys in targets.items()
        }
        self._check_targets(found, given)
        return {variant: keys for variant, keys in found.items() if keys}

    def _check_targets(self, targets: Mapping[str, tuple[str, ...]], given: Any) -> None:
        total = sum(map(len, targets.values()))
        if total > MAX_TARGETS:
            self._fields.refuse("/targets", f"must be at most {MAX_TARGETS} keys, not {total}")
        # What the patch names comes last, so that the problem is at something that was sent.
        named = sorted(targets, key=lambda variant: variant in given)
        served: dict[str, str] = {}
        for variant in named:
            for index, key in enumerate(targets[variant]):
                other = served.setdefault(key, variant)
                if other != variant:
                    pointer = at(at("/targets", variant), index)
                    self._fields.refuse(pointer, f"{key!r} is also a target of {other!r}")

    def _rules(self) -> tuple[Rule, ...]:
        old = {rule.id: rule for rule in self._old.rules}
        given = self._patch.get("rules", {})
        if given is None:
            given = dict.fromkeys(old)
        self._fields.object(given, "/rules")
        if not isinstance(given, dict):
            return self._old.rules
        rules = {id_: rule for id_, rule in old.items() if given.get(id_, rule) is not None}
        wanted = len(rules.keys() | {id_ for id_, patch in given.items() if patch is not None})
        if wanted > MAX_RULES:
            self._fields.refuse("/rules", f"must be at most {MAX_RULES} rules, not {wanted}")
            return self._old.rules
        for id_, patch in given.items():
            if patch is not None:
                rules[id_] = self._rule(old.get(id_), id_, patch)
        patterns = sum(conditions.patterns_in(rule.condition) for rule in rules.values())
        if given and patterns > conditions.MAX_PATTERNS:
            detail = f"must hold at most {conditions.MAX_PATTERNS} patterns in all, not {patterns}"
            self._fields.refuse("/rules", detail)
        asked = [key for rule in rules.values() for key in segments_in(rule.condition)]
        reason = beyond_steps(asked, steps_of(self._around.segments)) if given else None
        if reason is not None:
            self._fields.refuse("/rules", reason)
        order = list(rules)
        if self._patch.get("rule_order") is not None:
            order = self._fields.order(self._patch["rule_order"], "/rule_order", rules, "rule")
        return tuple(rules[id_] for id_ in order if id_ in rules)

    def _rule(self, old: Rule | None, id_: str, patch: Any) -> Rule:
        pointer = at("/rules", id_)
        self._fields.key(id_, pointer)
        before = {} if old is None else old.document()
        merged = self._fields.object(merge(before, patch, RULE), pointer, _RULE_MEMBERS)
        for name in ("if", "serve"):
            if name not in merged and isinstance(patch, dict):
                self._fields.refuse(at(pointer, name), "is required")
        condition = old.condition if old is not None else {}
        if "if" in merged and (old is None or "if" in patch):
            condition = conditions.parse(self._fields, merged["if"], at(pointer, "if"), self._around.segments)
        serve = old.serve if old is not None else None
        if "serve" in merged and (serve is None or "serve" in patch):
            serve = self._parser.serve(merged["serve"], at(pointer, "serve"), serve)
        description = self._fields.text(
            merged.get("description", ""), at(pointer, "description"), RULE_DESCRIPTION_LENGTH
        )
        return Rule(id_, condition, serve or self._old.default, description)

    def _prerequisites(self) -> dict[str, tuple[str, ...]]:
        old = {key: list(variants) for key, variants in self._old.prerequisites.items()}
        given = self._patch["prerequisites"]
        merged = {} if given is None else self._fields.object(merge(old, given), "/prerequisites")
        if len(merged) > MAX_PREREQUISITES:
            self._fields.refuse("/prerequisites", f"must be at most {MAX_PREREQUISITES}, not {len(merged)}")
            return {}
        found = {key: self._prerequisite(key, variants) for key, variants in merged.items()}
        own = self._around.flag.key
        path = path_around(own, {**self._around.requirements, own: set(found) - {own}})
        if path is not None:
            self._fields.refuse(
                at("/prerequisites", path[1]), f"flags would wait for each other: {' -> '.join(path)}"
            )
        before = {**self._around.requirements, own: self._old.prerequisites}
        reason = beyond_limits(before, own, found, "prerequisite") if path is None else None
        if reason is not None:
            self._fields.refuse("/prerequisites", reason)
        return found

    def _prerequisite(self, key: str, variants: Any) -> tuple[str, ...]:
        pointer = at("/prerequisites", key)
        if key == self._around.flag.key:
            self._fields.refuse(pointer, "a flag cannot be its own prerequisite")
        elif key not in self._around.flags:
            self._fields.refuse(pointer, f"there is no flag {key!r} in this project, or it is archived")
        known = self._around.flags.get(key, ())
        named = self._fields.texts(variants, pointer, len(known) + 1000, 1000)
        if not named:
            self._fields.refuse(pointer, "must name at least one variant")
        for index, variant in enumerate(named):
            if known and variant not in known:
                detail = f"{key!r} has no variant {variant!r}; known: {', '.join(known)}"
                self._fields.refuse(at(pointer, index), detail)
        return named
