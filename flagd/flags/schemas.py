"""Flags, targetings and segments as they travel over HTTP: the shapes that the OpenAPI document shows.

Documentation only: what comes in is checked in one place, `patch`, for every caller alike, and what goes
out is the value's own document. `accepts` ties a body to the shape that documents it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from flagd.flags.model import Kind
from flagd.projects.schemas import Key, Name
from flagd_core.operators import OPERATORS

JsonValue = Any
Percent = Annotated[float, Field(ge=0, le=100, description="Percent, with at most three decimals.")]


class Shape(BaseModel):
    """A shape that has the members named and no others."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


@dataclass(frozen=True)
class DocumentedAs:
    """Has an annotated body taken as any JSON object, and documented as the shape."""

    shape: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Any object with members named by strings."""
        return core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The shape's."""
        return handler(self.shape.__pydantic_core_schema__)


# --- what flags and targetings consist of ------------------------------------------------------------------


class VariantShape(Shape):
    """One of the values a flag can take. The value is replaced whole by a patch."""

    value: JsonValue
    description: str = ""


class SplitShape(Shape):
    """Serves variants by share. `arcs` is read-only; new weights move as few units as possible."""

    weights: dict[str, Percent] = Field(description="The share of each variant; they sum to exactly 100.")
    unit: str = Field(
        "targetingKey", description="The attribute whose value is what the shares are shares of."
    )
    salt: str | None = Field(
        None, description="Decides which units each share holds; random by default, null draws a new one."
    )
    algorithm: Literal["murmur3"] = "murmur3"
    arcs: list[tuple[int, str]] = Field(
        default=[], description="Read-only: the arcs of the ring, each its end and its variant."
    )


class ServeShape(Shape):
    """One variant for everybody, or a split: exactly one of the two."""

    variant: str | None = None
    split: SplitShape | None = None


class ConditionShape(Shape):
    """A condition: exactly one of `all`, `any`, `not`, `segment`, or a test of an `attribute`.

    `all` and `any` hold conditions by id, so that a patch can address them; an array is accepted and gets
    the ids c1, c2 and so on.
    """

    all: dict[str, ConditionShape] | list[ConditionShape] | None = None
    any: dict[str, ConditionShape] | list[ConditionShape] | None = None
    not_: ConditionShape | None = Field(None, alias="not")
    segment: Key | None = None
    attribute: str | None = Field(None, description="The name of an attribute, nested ones by dotted path.")
    op: str | None = Field(None, description="The test.", json_schema_extra={"enum": list(OPERATORS)})
    values: list[str | bool | int | float] | None = None
    ignore_case: bool | None = None
    on_missing: Literal["match"] | None = Field(
        None, description="Says that the test holds where there is no such attribute; else it never does."
    )


class RuleShape(Shape):
    """Serves something of its own where its condition holds."""

    description: str = ""
    if_: ConditionShape = Field(alias="if")
    serve: ServeShape


# --- flags -------------------------------------------------------------------------------------------------


class FlagFields(Shape):
    """What may be set on a flag."""

    variants: dict[str, VariantShape] = Field(
        {}, description="Required unless the kind is boolean: on and off."
    )
    variant_order: list[str] = Field([], description="The variants in the order people see them.")
    client_visible: bool = Field(
        False, description="Whether keys that browsers and phones hold may evaluate it."
    )
    description: str = ""
    tags: list[str] = []
    owner: str = ""
    permanent: bool = Field(False, description="Whether it is meant to stay, such as a kill switch.")
    schema_: dict[str, JsonValue] | None = Field(
        None,
        alias="schema",
        description="A JSON Schema, draft 7 to 2020-12, that the value of every variant must satisfy. References"
        " lead to parts of the schema itself.",
    )


class FlagCreate(FlagFields):
    """A new flag; it is off in every environment. Key and kind never change."""

    key: Key
    kind: Kind
    name: Name = Field("", description="The key, where it is left out.")


class VariantPatch(Shape):
    """New values for members of a variant."""

    value: JsonValue = None
    description: str | None = None


class FlagPatch(Shape):
    """A merge patch of a flag: what is left out stays, null removes or empties."""

    name: Name = ""
    variants: dict[str, VariantPatch | None] = {}
    variant_order: list[str] = []
    client_visible: bool = False
    description: str | None = None
    tags: list[str] | None = None
    owner: str | None = None
    permanent: bool = False
    schema_: dict[str, JsonValue] | None = Field(
        None, alias="schema", description="Replaces the schema whole; null removes it."
    )


class FlagView(FlagFields):
    """A flag, as it is in every environment of its project."""

    key: str
    kind: Kind
    name: str
    version: int
    archived: bool
    created_at: datetime
    updated_at: datetime


class FlagList(Shape):
    """A page of flags."""

    items: list[FlagView]
    next_cursor: str | None


# --- targetings --------------------------------------------------------------------------------------------


class SplitPatch(Shape):
    """New values for members of a split. With a split there already, its salt and unit stay, and arcs move least."""

    weights: dict[str, Percent | None] | None = None
    unit: str | None = None
    salt: str | None = None
    compact: Literal[True] | None = Field(
        None,
        description="Joins the arcs of the split that is there, one for each variant. Moves units, as `moved`"
        " tells, and comes alone: with no other member of the split.",
    )


class ServePatch(Shape):
    """`variant` replaces what is there; `split` merges into a split that is there."""

    variant: str | None = None
    split: SplitPatch | None = None


class RulePatch(Shape):
    """New values for members of a rule; a new rule needs its condition and what it serves."""

    description: str | None = None
    if_: ConditionShape | None = Field(None, alias="if")
    serve: ServePatch | None = None


class TargetingPatch(Shape):
    """A merge patch of a targeting: what is left out stays, null removes."""

    enabled: bool = False
    off_variant: str | None = Field(
        None, description="What is served while the flag is off; null: the caller's default."
    )
    default: ServePatch | None = None
    targets: dict[str, list[str] | None] | None = Field(None, description="Targeting keys by variant.")
    rules: dict[str, RulePatch | None] | None = None
    rule_order: list[str] | None = Field(
        None, description="Every rule once; new rules come last where it is left out."
    )
    prerequisites: dict[str, list[str] | None] | None = Field(
        None, description="By flag, the variants of it that must be served for this flag to be evaluated."
    )


class LayerShare(Shape):
    """The layer that limits a flag in the environment, and its share of it."""

    key: str
    percent: Percent


class TargetingView(Shape):
    """How a flag answers in one environment."""

    flag: str
    environment: str
    enabled: bool
    off_variant: str | None
    default: ServeShape
    targets: dict[str, list[str]]
    rules: dict[str, RuleShape]
    rule_order: list[str] = Field(description="The rules in the order in which they are tried.")
    prerequisites: dict[str, list[str]]
    layer: LayerShare | None = Field(
        description="Read-only: the layer that limits it; everybody outside its share gets the off variant."
    )
    version: int
    updated_at: datetime
    revision: int = Field(description="The environment's revision.")


class TargetingChanged(TargetingView):
    """A targeting after a patch."""

    moved: dict[str, float] = Field(
        description="By the pointer of each default or rule: the percent of units that another variant is served to."
    )


# --- segments ----------------------------------------------------------------------------------------------


class SegmentFields(Shape):
    """What may be set on a segment."""

    description: str = ""
    included: list[str] = Field([], description="Targeting keys that are in it.")
    excluded: list[str] = Field(
        [], description="Targeting keys that are not in it, whatever else says they are."
    )
    if_: ConditionShape | None = Field(
        None, alias="if", description="Whether any other unit is in it; null: it is not."
    )


class SegmentCreate(SegmentFields):
    """A new segment. The key never changes."""

    key: Key
    name: Name = Field("", description="The key, where it is left out.")


class SegmentPatch(Shape):
    """A merge patch of a segment: what is left out stays, null empties."""

    name: Name = ""
    description: str | None = None
    included: list[str] | None = None
    excluded: list[str] | None = None
    if_: ConditionShape | None = Field(None, alias="if")


class SegmentView(SegmentFields):
    """A segment."""

    key: str
    name: str
    version: int
    archived: bool
    created_at: datetime
    updated_at: datetime


class SegmentList(Shape):
    """A page of segments."""

    items: list[SegmentView]
    next_cursor: str | None


NewFlagBody = Annotated[dict[str, Any], DocumentedAs(FlagCreate), Body()]
FlagPatchBody = Annotated[dict[str, Any], DocumentedAs(FlagPatch), Body()]
TargetingPatchBody = Annotated[dict[str, Any], DocumentedAs(TargetingPatch), Body()]
NewSegmentBody = Annotated[dict[str, Any], DocumentedAs(SegmentCreate), Body()]
SegmentPatchBody = Annotated[dict[str, Any], DocumentedAs(SegmentPatch), Body()]
