"""The OpenFeature Remote Evaluation Protocol as values: contexts in, answers and their statuses out. Pure.

Source: OFREP 0.3.0. Where the protocol leaves room, the shape here is the one all official providers read: `variant`,
`reason` and `metadata` are always there, `value` is left out (never null) where the caller's default applies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from flagd.errors import TooLarge
from flagd_core import NO_VALUE, Detail, Ruleset

Context = Mapping[str, object]

STATUS: Final[Mapping[str, int]] = {"FLAG_NOT_FOUND": 404}
"""The status of a failed single evaluation, by error code; every other code is 400."""

FAILED: Final = 400

INTERNAL: Final = frozenset({"prerequisite", "layer"})
"""Members of an answer's metadata that name what a client key may not see."""

MAX_CONTEXT_BYTES: Final = 256 * 1024
MAX_CONTEXT_NESTING: Final = 32

CLIENT_DETAILS: Final = "the flag could not be evaluated"


class BadRequest(Exception):
    """The request's body cannot be evaluated; `code` is OpenFeature's word for why."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def context_of(body: bytes) -> Context:
    """The evaluation context of a request; none at all where the body or the context is missing."""
    if len(body) > MAX_CONTEXT_BYTES:
        raise TooLarge(f"an evaluation context may have {MAX_CONTEXT_BYTES} bytes, not {len(body)}")
    if not body.strip():
        return {}
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("PARSE_ERROR", f"the body is not valid JSON: {error}") from error
    if not isinstance(request, dict):
        raise BadRequest("INVALID_CONTEXT", "the body must be a JSON object with the member `context`")
    context = request.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise BadRequest("INVALID_CONTEXT", "`context` must be a JSON object")
    # Counting brackets is cheap; only a body that could be too deep is walked through.
    if body.count(b"[") + body.count(b"{") > MAX_CONTEXT_NESTING and _is_deep(context):
        raise BadRequest("INVALID_CONTEXT", f"`context` nests deeper than {MAX_CONTEXT_NESTING} levels")
    return context


def _is_deep(context: Context) -> bool:
    level: list[Any] = [context]
    for _ in range(MAX_CONTEXT_NESTING):
        level = [each for value in level for each in _parts(value) if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def single(rules: Ruleset, key: str, context: Context, *, client: bool) -> tuple[int, dict[str, Any]]:
    """The answer for one flag and its status; a client key sees client-visible flags alone."""
    flag = rules.flags.get(key)
    if flag is None or (client and not flag.client_visible):
        return STATUS["FLAG_NOT_FOUND"], failure("FLAG_NOT_FOUND", f"there is no flag {key!r}", key)
    detail = rules.evaluate(key, context)
    answer = entry(key, detail, client=client)
    answer["metadata"]["revision"] = rules.revision
    if detail.error_code is None:
        return 200, answer
    return STATUS.get(detail.error_code, FAILED), answer


def bulk(rules: Ruleset, context: Context, *, client: bool) -> dict[str, Any]:
    """The answers for every flag the caller may see, in the order of their keys; a failed one fails alone."""
    visible = (key for key, flag in rules.flags.items() if flag.client_visible or not client)
    entries = [entry(key, rules.evaluate(key, context), client=client) for key in sorted(visible)]
    return {"flags": entries, "metadata": {"revision": rules.revision}}


def body_tag(body: bytes, scope: str) -> str:
    """The entity tag of a bulk answer: of its bytes and the credential's scope, never of the configuration alone."""
    return f'"{hashlib.sha256(scope.encode() + body).hexdigest()[:32]}"'


def names_tag(sent: str | None, *tags: str) -> bool:
    """Whether a list of entity tags, as clients and proxies send it back, names one of these.

    Weak and unquoted ones count, and those with an encoding appended (`"x-gzip"`), as proxies that compress do it.
    """
    if sent is None:
        return False
    wanted = [_bare(tag) for tag in tags]
    found = [_bare(part) for part in sent.split(",")]
    return any(tag == "*" or tag == ours or tag.startswith(f"{ours}-") for tag in found for ours in wanted)


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')


def entry(key: str, detail: Detail, *, client: bool) -> dict[str, Any]:
    """One evaluation in OFREP's shape, failed or not; a client is not told the names of other flags and segments."""
    metadata = {name: value for name, value in detail.metadata.items() if not (client and name in INTERNAL)}
    if detail.error_code is not None:
        message = CLIENT_DETAILS if client else detail.error_message or ""
        return failure(detail.error_code, message, key, metadata)
    answer: dict[str, Any] = {
        "key": key,
        "reason": detail.reason,
        "variant": detail.variant or "",
        "metadata": metadata,
    }
    if detail.value is not NO_VALUE:
        answer["value"] = detail.value
    return answer


def failure(
    code: str, details: str, key: str, metadata: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """A failed evaluation."""
    return {"key": key, "errorCode": code, "errorDetails": details, "metadata": dict(metadata or {})}
