"""The flags of one environment: the list, the switch and the percentage of each, and what came of saving.

A form carries the version it was rendered with; whoever saved in between is shown, and nothing typed is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flagd import errors
from flagd.access.permissions import Action
from flagd.flags import reads, targeting_service
from flagd.flags.model import DEFAULT_UNIT, Flag, Placed, Split, Targeting
from flagd.flags.patch.rollout import Rollout
from flagd.flags.targeting_service import Written
from flagd.infra.db import WriteTx
from flagd.projects import reads as projects
from flagd.web import cookies, forms, listing, session, views, words
from flagd.web.listing import Attempt, Part
from flagd.web.session import Visitor, signed_in
from flagd.web.views import Conflict

NO_NUMBER: Final = "Enter a number from 0 to 100 with at most 3 decimals, such as 12.5."
NO_PERCENTAGE: Final = "this flag has no single percentage; set the weights of its variants through the API"
TYPED_LENGTH: Final = 40
ROLLOUT: Final = "rollout"

NO_PROJECT: Final = "Flags live in the environments of a project. Create the first project through the API:"
NO_ENVIRONMENT: Final = (
    "A flag has a state of its own in each environment. Create the first one through the API:"
)

Write = Callable[[WriteTx, Flag, Targeting], Awaitable[Written]]
"""Carries out an edit of a flag whose targeting was as given a moment ago."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What one form asks for. `verb`, `field` and `value` are the form, to offer it again if it cannot be saved now;
    `refused` begins the sentence that says why it can never be."""

    verb: str
    field: str
    value: str
    yours: str
    button: str
    refused: str
    version: int
    write: Write

    @property
    def typed(self) -> str | None:
        """What stands in the field that a person types into; None for a form without one."""
        return self.value if self.verb == ROLLOUT else None


@signed_in
async def start(request: Request, visitor: Visitor) -> Response:
    """The first environment of the first project."""
    async with cookies.resources(request).database.read() as tx:
        found = await projects.list_projects(tx, limit=1, cursor=None, archived=False)
    if found.items:
        return session.see_other(f"/projects/{found.items[0].key}")
    values = {"title": "No project yet", "detail": NO_PROJECT, "command": "POST /api/v1/projects"}
    return session.page(request, visitor, "empty.html", values)


@signed_in
async def show_project(request: Request, visitor: Visitor) -> Response:
    """The first environment of a project."""
    async with cookies.resources(request).database.read() as tx:
        project = await listing.find_project(tx, request.path_params)
        environment = await listing.first_environment(tx, project)
    if environment is not None:
        return session.see_other(listing.flags_path(project.key, environment.key))
    command = f"POST /api/v1/projects/{project.key}/environments"
    values = {"title": "No environment yet", "detail": NO_ENVIRONMENT, "command": command}
    return session.page(request, visitor, "empty.html", values)


@signed_in
async def show_flags(request: Request, visitor: Visitor) -> Response:
    """The flags of one environment."""
    return await _page(request, visitor)


@signed_in
async def set_enabled(request: Request, visitor: Visitor) -> Response:
    """Turns a flag on or off."""
    form = await session.sent_form(request, visitor)
    enabled = forms.switch(form, "enabled")
    placed = await _placed(request, visitor)
    version = forms.version(form)
    now = cookies.resources(request).clock.now()

    async def write(tx: WriteTx, _flag: Flag, _before: Targeting) -> Written:
        return await targeting_service.set_enabled(tx, visitor.principal.actor, placed, enabled, version, now)

    state = "on" if enabled else "off"
    button, refused = f"Switch {state} anyway", f"It cannot be switched {state}:"
    edit = Edit("enabled", "enabled", form["enabled"], state, button, refused, version, write)
    return await _save(request, visitor, placed, edit)


@signed_in
async def set_rollout(request: Request, visitor: Visitor) -> Response:
    """Serves a variant to a percentage of everyone."""
    form = await session.sent_form(request, visitor)
    typed = form.get("percent", "")[:TYPED_LENGTH]
    number = forms.decimal(typed)
    placed = await _placed(request, visitor)
    if number is None:
        attempt = Attempt(placed.key, typed=typed, problem=NO_NUMBER)
        return await _page(request, visitor, attempt, HTTPStatus.UNPROCESSABLE_ENTITY)
    version = forms.version(form)
    now = cookies.resources(request).clock.now()

    async def write(tx: WriteTx, flag: Flag, before: Targeting) -> Written:
        variant = views.rollout_variant(flag, before.default)
        if variant is None:
            raise errors.Conflict(NO_PERCENTAGE)
        rollout = Rollout(variant, _plain(number))
        return await targeting_service.set_rollout(tx, visitor.principal.actor, placed, rollout, version, now)

    share = words.percent(number)
    button, refused = f"Save {share} anyway", "The percentage"
    edit = Edit(ROLLOUT, "percent", typed, share, button, refused, version, write)
    return await _save(request, visitor, placed, edit)


async def _save(request: Request, visitor: Visitor, placed: Placed, edit: Edit) -> Response:
    try:
        async with cookies.resources(request).database.write() as tx:
            flag = await reads.find_flag(tx, placed.project, placed.key)
            before = await reads.find_targeting(tx, flag, placed.environment)
            written = await edit.write(tx, flag, before)
    except errors.Invalid as error:
        problem = "; ".join(dict.fromkeys(problem.detail for problem in error.problems))
        attempt = Attempt(placed.key, typed=edit.typed, problem=f"{edit.refused} {problem}.")
        return await _page(request, visitor, attempt, HTTPStatus.UNPROCESSABLE_ENTITY)
    except errors.Stale:
        attempt = await _overtaken(request, visitor, placed, edit)
        return await _page(request, visitor, attempt, HTTPStatus.PRECONDITION_FAILED)
    here = (
        listing.flags_path(placed.project.key, placed.environment.key) + Part.of(request.query_params).query
    )
    response = session.see_other(f"{here}#flag-{placed.key}")
    cookies.flash(request, response, _outcome(placed, before, written))
    return response


async def _overtaken(request: Request, visitor: Visitor, placed: Placed, edit: Edit) -> Attempt:
    known = cookies.resources(request)
    async with known.database.read() as tx:
        happened = await listing.overtaken(tx, placed, visitor, edit.version, known.clock.now())
    conflict = Conflict(happened, edit.yours, edit.verb, edit.field, edit.value, edit.button)
    return Attempt(placed.key, conflict=conflict)


async def _placed(request: Request, visitor: Visitor) -> Placed:
    async with cookies.resources(request).database.read() as tx:
        where = await listing.find_where(tx, request.path_params)
    listing.require_access(visitor, Action.flag_write, where)
    return where.placed(listing.key_in(request.path_params, "flag"))


async def _page(
    request: Request, visitor: Visitor, attempt: Attempt | None = None, status: HTTPStatus = HTTPStatus.OK
) -> Response:
    part = Part.of(request.query_params)
    async with cookies.resources(request).database.read() as tx:
        where = await listing.find_where(tx, request.path_params)
        listing.require_access(visitor, Action.flag_read, where)
        page = await listing.flags_page(tx, where, part, attempt)
    return session.page(request, visitor, "flags.html", {"page": page}, status)


def _outcome(placed: Placed, before: Targeting, written: Written) -> str:
    """What saving did, in one line."""
    flag, after = written.flag, written.targeting
    where = f"in {placed.environment.key}"
    if after.version == before.version:
        return f"{flag.key} {where} was so already; nothing changed"
    if before.enabled != after.enabled:
        old, new = ("on" if targeting.enabled else "off" for targeting in (before, after))
        return f"{flag.key}: {old} {words.ARROW} {new} {where}; revision {written.revision}"
    variant = views.rollout_variant(flag, before.default) or ""
    shares = (views.share_of(targeting.default, variant) for targeting in (before, after))
    change = f" {words.ARROW} ".join(map(words.percent, shares))
    named = "" if flag.kind == "boolean" else f"{variant} "
    return f"{flag.key}: {named}{change} {where}; {_moved(written)}; revision {written.revision}"


def _moved(written: Written) -> str:
    after = written.targeting
    share = words.percent(written.moved.get("/default", 0))
    unit = after.default.unit if isinstance(after.default, Split) else DEFAULT_UNIT
    whom = "users" if unit == DEFAULT_UNIT else f"all {unit}"
    return f"{share} of {whom} move" if after.enabled else f"{share} of {whom} will move once it is on"


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


FLAGS: Final = "/projects/{project}/environments/{environment}/flags"

routes: Final = (
    Route("/", start, methods=["GET"]),
    Route("/projects/{project}", show_project, methods=["GET"]),
    Route(FLAGS, show_flags, methods=["GET"]),
    Route(f"{FLAGS}/{{flag}}/enabled", set_enabled, methods=["POST"]),
    Route(f"{FLAGS}/{{flag}}/rollout", set_rollout, methods=["POST"]),
)
