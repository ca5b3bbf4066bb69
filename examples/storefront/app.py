"""The shop's pages over HTTP: FastAPI, one flag client for the whole process, no JavaScript.

A visitor is named by `?user=`; the basket is a cookie. Nothing is stored and nothing is really sold.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import urlencode

from fastapi import Cookie, FastAPI, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from examples.storefront.shop import (
    PRODUCTS,
    REGULARS,
    SHIPPING_CENTS,
    Basket,
    Decisions,
    Visitor,
    decide,
    visitor_named,
)
from flagd_sdk import FlagClient

HERE: Final = Path(__file__).parent
SEE_OTHER: Final = 303
UNAVAILABLE: Final = 503
LAST_STEP: Final = 3
FIRST_FLAGS_SECONDS: Final = 3.0
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

UserName = Annotated[str, Query(alias="user", max_length=80)]
FormUser = Annotated[str, Form(alias="user", max_length=80)]
BasketCookie = Annotated[str | None, Cookie(alias="basket")]

templates = Jinja2Templates(HERE / "templates")
templates.env.filters["euros"] = lambda cents: f"€{cents / 100:.2f}"


def create_app(new_client: Callable[[], FlagClient], environment: str) -> FastAPI:
    """The shop; it opens its flag client when it starts and closes it when it ends.

    `environment` is only shown: which flags come is decided by the client's key.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with new_client() as client:
            # Without flagd the shop opens all the same, on its own defaults.
            client.ready(FIRST_FLAGS_SECONDS)
            app.state.client = client
            yield

    app = FastAPI(title="Small Hours", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.environment = environment
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_api_route("/", front, methods=["GET"])
    app.add_api_route("/basket", change_basket, methods=["POST"])
    app.add_api_route("/checkout", checkout, methods=["GET"])
    app.add_api_route("/order", order, methods=["POST"])
    return app


@dataclass(frozen=True)
class Visit:
    """One request of one visitor: every flag is read once, at its start."""

    visitor: Visitor
    basket: Basket
    flags: Decisions

    @property
    def prices(self) -> dict[str, int]:
        """What the basket costs this visitor, in cents."""
        return {
            "goods": self.basket.goods_cents(),
            "shipping": self.flags.shipping_cents(self.basket),
            "usual_shipping": SHIPPING_CENTS,
            "total": self.flags.total_cents(self.basket),
        }


def front(request: Request, name: UserName = "alice", cookie: BasketCookie = None) -> Response:
    """The shelf, the basket, and the way to the checkout."""
    return _page(request, "front.html", _visit(request, name, cookie), {"products": PRODUCTS.values()})


def change_basket(
    name: FormUser, item: Annotated[str, Form()], by: Annotated[int, Form()] = 1, cookie: BasketCookie = None
) -> Response:
    """One more or one fewer of a product, and back to the shelf."""
    response = RedirectResponse(f"/?{urlencode({'user': name})}", SEE_OTHER)
    _keep(response, Basket.parse(cookie).changed(item, 1 if by > 0 else -1))
    return response


def checkout(
    request: Request,
    name: UserName = "alice",
    step: Annotated[int, Query(ge=1, le=LAST_STEP)] = 1,
    cookie: BasketCookie = None,
) -> Response:
    """One page with everything where `new-checkout` is on, else one of three steps."""
    return _page(request, "checkout.html", _visit(request, name, cookie), {"step": step, "last": LAST_STEP})


def order(request: Request, name: FormUser, cookie: BasketCookie = None) -> Response:
    """Takes the order, unless payments are paused: a page that was opened before the switch cannot pay either."""
    visit = _visit(request, name, cookie)
    if not visit.flags.payments:
        return _page(request, "checkout.html", visit, {"step": LAST_STEP, "last": LAST_STEP}, UNAVAILABLE)
    if not visit.basket.counts:
        return RedirectResponse(f"/?{urlencode({'user': name})}", SEE_OTHER)
    response = _page(request, "thanks.html", visit, {"number": secrets.token_hex(3).upper()})
    _keep(response, Basket({}))
    return response


def _visit(request: Request, name: str, cookie: str | None) -> Visit:
    visitor = visitor_named(name.strip() or "guest")
    return Visit(visitor, Basket.parse(cookie), decide(_client(request), visitor))


def _page(
    request: Request, template: str, visit: Visit, more: Mapping[str, object], status: int = 200
) -> Response:
    values: dict[str, Any] = {
        "visitor": visit.visitor,
        "basket": visit.basket,
        "flags": visit.flags,
        "prices": visit.prices,
        "regulars": REGULARS.values(),
        "environment": request.app.state.environment,
        "revision": _client(request).revision,
        **more,
    }
    return templates.TemplateResponse(request, template, values, status_code=status, headers=HEADERS)


def _client(request: Request) -> FlagClient:
    return cast(FlagClient, request.app.state.client)


def _keep(response: Response, basket: Basket) -> None:
    response.set_cookie("basket", basket.text(), httponly=True, samesite="lax")
