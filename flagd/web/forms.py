"""What comes out of a form: its fields as text, the version it was rendered with, where to go afterwards.

Reads only what a browser sends. Whether a value is allowed is the services' business, not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from flagd.errors import Malformed

MAX_FORM_BYTES: Final = 16_384
MAX_FIELDS: Final = 50
FORM_TYPE: Final = "application/x-www-form-urlencoded"

_DECIMAL: Final = re.compile(r"[+-]?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})", re.ASCII)
# What a browser may take for the end of a path or strip from it: control characters, spaces, backslashes.
_UNSAFE_IN_PATH: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")


async def fields(request: Request) -> Mapping[str, str]:
    """The form's fields. Raises Malformed for a body that no form of these pages sends."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise Malformed("the pages read forms only")
    try:
        text = (await request.body()).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise Malformed("the form could not be read") from error
    return dict(pairs)


def version(form: Mapping[str, str]) -> int:
    """The version of the object that the form was rendered with."""
    text = form.get("version", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Malformed("the form does not say which version it was made for")
    return int(text)


def switch(form: Mapping[str, str], name: str) -> bool:
    """The position a switch is to have."""
    try:
        return {"true": True, "false": False}[form.get(name, "")]
    except KeyError:
        raise Malformed(f"the form does not say what {name} is to be") from None


def decimal(text: str) -> Decimal | None:
    """The number a person typed, exactly; None for what is none. Its range is not looked at."""
    stripped = text.strip()
    if _DECIMAL.fullmatch(stripped) is None:
        return None
    try:
        return Decimal(stripped)
    except InvalidOperation:
        return None


def local_path(text: str) -> str:
    """Where to go next: `text` if it is a path of this site, else the start page. Never another site."""
    if not text.startswith("/") or text.startswith("//") or _UNSAFE_IN_PATH.search(text):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text
