"""Why a flag answers as it does: one evaluation for an operator, with every step that led to the answer.

It asks the very snapshot that applications are served, and counts for nobody.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from flagd.errors import Invalid, Problem
from flagd.evaluation import ofrep
from flagd.flags.api.edge import ReadsFlags
from flagd.flags.api.targetings import placed_for_reading
from flagd.flags.model import Placed
from flagd.flags.reads import find_flag
from flagd.infra.http import ReadTxDep, StrictRoute
from flagd.snapshots.api import held
from flagd_core import Ruleset
from flagd_core.explain import explain, sentences

router: Final = APIRouter(
    prefix="/projects/{project}/flags/{flag}/environments/{environment}",
    tags=["evaluation"],
    route_class=StrictRoute,
)


class EvaluateBody(BaseModel):
    """For whom the flag is evaluated."""

    model_config = ConfigDict(extra="forbid", strict=True)

    context: dict[str, Any] = Field(
        default_factory=dict,
        description="The evaluation context: `targetingKey` and attributes. With `now`, the answer at that instant.",
        examples=[{"targetingKey": "user-17", "plan": "pro"}],
    )


class Evaluation(BaseModel):
    """An answer, and how it came about."""

    model_config = ConfigDict(extra="allow")

    flag: str
    environment: str
    lineage: str
    revision: int = Field(description="Revision of the environment that answered.")
    enabled: bool
    value: Any = Field(default=None, description="Left out where the caller's default applies.")
    variant: str | None
    reason: str
    rule: str | None = Field(default=None, description="The rule that served; left out where none did.")
    error_code: str | None = None
    error_message: str | None = None
    metadata: dict[str, Any]
    steps: list[dict[str, Any]] = Field(description="What was looked at, in order.")
    steps_left_out: int | None = Field(
        default=None, description="How many more steps there were; left out where all are shown."
    )
    sentences: list[str] = Field(description="The same for people.")


@router.post("/evaluate", summary="Evaluate a flag and explain the answer", response_model=Evaluation)
async def evaluate_flag(
    request: Request,
    _: ReadsFlags,
    tx: ReadTxDep,
    placed: Annotated[Placed, Depends(placed_for_reading)],
    _body: EvaluateBody,
) -> Response:
    """What applications are answered now for this context, with each rule's verdict and what it saw."""
    await find_flag(tx, placed.project, placed.key)
    # Read as applications' requests are: one JSON reader's numbers are not quite another's.
    try:
        context = ofrep.context_of(await request.body())
    except ofrep.BadRequest as error:
        raise Invalid(Problem("/context", error.details)) from error
    rules = held(request, placed.environment.id).ruleset
    # In a thread: a flag with all the rules that it may have takes long enough to be felt by applications.
    content = await asyncio.to_thread(_explained, rules, placed, context)
    return Response(content, media_type="application/json")


def _explained(rules: Ruleset, placed: Placed, context: ofrep.Context) -> bytes:
    """The body of the answer. A ruleset never changes, so any thread may ask it."""
    explanation = explain(rules, placed.key, context)
    environment = placed.environment.key
    return orjson.dumps({**explanation, "environment": environment, "sentences": sentences(explanation)})
