"""What the OpenAPI document says of errors: the problems every operation may answer with, by its method and security.

The framework knows only its own validation error, which this service never sends.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flagd.infra.http import PROBLEM_TYPE

Document = dict[str, Any]

ALWAYS: Final = (400, 401, 403, 404, 422, 503)
"""Statuses of every operation."""

WRITES: Final = (409, 413, 415)
"""Statuses of operations that take a body or act."""

VERSIONED: Final = (412, 428)
"""Statuses of operations that need If-Match."""

METHODS: Final = frozenset({"get", "post", "patch", "put", "delete"})

PROBLEM: Final[Document] = {
    "type": "object",
    "title": "Problem",
    "description": "A problem detail (RFC 9457). `errors` names each field or parameter at fault.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "default": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "A JSON pointer into the body, as a fragment.",
                    },
                    "parameter": {"type": "string", "description": "A query, path or header parameter."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "the weights add up to 90 %, not to 100 %",
        "errors": [
            {"pointer": "#/default/split/weights", "detail": "the weights add up to 90 %, not to 100 %"}
        ],
    },
}


def with_problems(document: Document) -> Document:
    """The document with every error response described as what is sent."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for framework in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework, None)
    schemas["Problem"] = PROBLEM
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in METHODS:
                _describe(method, operation)
    return document


def _describe(method: str, operation: Document) -> None:
    statuses = set(ALWAYS) | (set(WRITES) if method != "get" else set())
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "If-Match":
            parameter["required"] = True
            statuses |= set(VERSIONED)
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(statuses):
        operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
