"""What the OpenAPI document says of errors is what is sent."""

from __future__ import annotations

from typing import Any

from flagd.app import openapi


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    document = openapi()
    return [(path, method, op) for path, item in document["paths"].items() for method, op in item.items()]


def test_every_error_is_a_problem() -> None:
    """Each operation documents its refusals as problem details, and none as the framework's own error."""
    for path, method, operation in _operations():
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"401", "403", "422", "503"} <= set(refusals), (method, path)
        for answer in refusals.values():
            assert list(answer["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in openapi()["components"]["schemas"]


def test_a_version_is_required_where_it_is() -> None:
    """Operations that need If-Match say so, with 412 and 428."""
    versioned = [
        (parameter, operation)
        for _, _, operation in _operations()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "If-Match"
    ]
    assert len(versioned) >= 10
    for parameter, operation in versioned:
        assert parameter["required"] is True
        assert {"412", "428"} <= set(operation["responses"])


def test_describing_twice_changes_nothing() -> None:
    """The document is the same each time it is asked for."""
    assert openapi() == openapi()
