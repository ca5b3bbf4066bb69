"""Turns values into pages: the template environment, its filters, the addresses of static files.

Knows no capability and opens no transaction. Escaping is on for every template; an undefined name is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from flagd.web import words

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"


class Renderer:
    """The templates, loaded once for the life of the process."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(ago=words.ago, stamp=words.stamp)
        addresses = {path.name: f"/static/{path.name}?v={_digest(path)}" for path in STATIC.iterdir()}
        self._environment.globals["asset"] = addresses.__getitem__

    def page(
        self, template: str, values: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> HTMLResponse:
        """The page of this template; `values` are all it may name."""
        return HTMLResponse(self._environment.get_template(template).render(values), status)


def renderer(request: Request) -> Renderer:
    """The templates of the running application."""
    return cast(Renderer, request.app.state.renderer)


def _digest(path: Path) -> str:
    # In the address of a static file, so that browsers may keep it for ever and still see the next release's.
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
