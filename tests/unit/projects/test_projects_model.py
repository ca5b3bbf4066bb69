"""The rules that projects and environments keep, as plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from flagd.projects.model import (
    DESCRIPTION_LENGTH,
    MAX_POSITION,
    Environment,
    EnvironmentPatch,
    Project,
    ProjectPatch,
    key_problems,
    name_problems,
)
from flagd.projects.schemas import EnvironmentChange, EnvironmentCreate, ProjectChange, ProjectCreate

THEN = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROJECT = Project("p", "demo", "Demo", "", 3, THEN, THEN, None)
ENVIRONMENT = Environment("e", "p", "production", "Production", 1, 17, 2, THEN, THEN, None)


@pytest.mark.parametrize("key", ["a", "A1", "new-checkout", "v1.2_3", "0", "x" * 128])
def test_letters_digits_and_three_signs_make_a_key(key: str) -> None:
    """A key of allowed characters and length has no problems."""
    assert key_problems(key, "/key") == ()


@pytest.mark.parametrize(
    "key", ["", "-a", ".a", "_a", "a b", "a/b", "é", "a\0", "a\n", "x" * 129, "\uff41", "a%2F"]
)
def test_anything_else_is_no_key(key: str) -> None:
    """A text with another character, beginning or length is refused where it stands."""
    assert [problem.pointer for problem in key_problems(key, "/key")] == ["/key"]


@pytest.mark.parametrize("name", ["Größe", "決済", "🚀 launch", "a", "x" * 128])
def test_names_are_in_any_script(name: str) -> None:
    """A name may be written in any script, with emoji too."""
    assert name_problems(name, "/name") == ()


@pytest.mark.parametrize("name", ["", "   ", "a\0b", "a\nb", "a\x85b", "\ud800", "x" * 129])
def test_a_name_is_one_printable_line(name: str) -> None:
    """An empty name, one that is too long and one with control characters are refused."""
    assert [problem.pointer for problem in name_problems(name, "/name")] == ["/name"]


def test_a_project_names_every_field_at_fault() -> None:
    """Several broken rules are told at once, each with its pointer."""
    broken = replace(PROJECT, key="?", name=" ", description="x" * (DESCRIPTION_LENGTH + 1))
    assert [problem.pointer for problem in broken.problems()] == ["/key", "/name", "/description"]


def test_a_description_may_have_lines_and_no_nul() -> None:
    """Tabs and line ends are text; a NUL is not."""
    assert replace(PROJECT, description="one\n\ttwo\r\n").problems() == ()
    assert [p.pointer for p in replace(PROJECT, description="a\0").problems()] == ["/description"]


@pytest.mark.parametrize("position", [-1, MAX_POSITION + 1])
def test_positions_are_bounded(position: int) -> None:
    """A position below zero or beyond the bound is refused."""
    problems = replace(ENVIRONMENT, position=position).problems()
    assert [problem.pointer for problem in problems] == ["/position"]


def test_a_patch_changes_what_it_names_and_nothing_else() -> None:
    """A field that a patch leaves out stays, and an empty description is a value."""
    described = replace(PROJECT, description="old")
    assert ProjectPatch(name="New").apply(described) == replace(described, name="New")
    assert ProjectPatch(description="").apply(described) == replace(described, description="")
    assert EnvironmentPatch(position=0).apply(ENVIRONMENT) == replace(ENVIRONMENT, position=0)
    assert EnvironmentPatch().apply(ENVIRONMENT) == ENVIRONMENT
    opened = replace(ENVIRONMENT, client_origins=("https://shop.example.com",))
    assert EnvironmentPatch(name="New").apply(opened) == replace(opened, name="New")
    assert EnvironmentPatch(client_origins=()).apply(opened) == ENVIRONMENT


def test_the_log_keeps_what_people_know_a_project_by() -> None:
    """What the change log keeps holds no ids and says whether it is archived."""
    assert replace(PROJECT, archived_at=THEN).document() == {
        "key": "demo",
        "name": "Demo",
        "description": "",
        "archived": True,
        "version": 3,
    }
    assert "revision" not in ENVIRONMENT.document()
    assert replace(ENVIRONMENT, client_origins=("*",)).document()["client_origins"] == ["*"]


def test_a_merge_patch_tells_left_out_from_null() -> None:
    """A field left out stays, a null description becomes empty, and a null name is refused."""
    assert ProjectChange.model_validate({}).to_model() == ProjectPatch()
    assert ProjectChange.model_validate({"description": None}).to_model() == ProjectPatch(description="")
    assert EnvironmentChange.model_validate({}).to_model() == EnvironmentPatch()
    emptied = EnvironmentChange.model_validate({"client_origins": None}).to_model()
    assert emptied == EnvironmentPatch(client_origins=())
    with pytest.raises(ValidationError):
        ProjectChange.model_validate({"name": None})
    with pytest.raises(ValidationError):
        EnvironmentChange.model_validate({"position": None})


@pytest.mark.parametrize("position", [True, 1.0, "1", -1, MAX_POSITION + 1])
def test_a_position_is_a_whole_number(position: object) -> None:
    """A boolean, a float, a text and a number out of bounds are no positions."""
    with pytest.raises(ValidationError):
        EnvironmentCreate.model_validate({"key": "a", "name": "A", "position": position})


def test_the_schema_of_a_patch_requires_nothing() -> None:
    """The API's document promises no default for a field that was left out, and requires none."""
    schema = EnvironmentChange.model_json_schema()
    assert "required" not in schema
    assert all("default" not in field for field in schema["properties"].values())


def test_a_key_cannot_end_in_a_line_end() -> None:
    """The pattern that the API documents is also the one that it applies, to the last character."""
    with pytest.raises(ValidationError):
        ProjectCreate.model_validate({"key": "demo\n", "name": "Demo"})
