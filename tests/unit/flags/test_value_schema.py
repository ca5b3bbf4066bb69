"""The JSON Schema of a flag: what it holds values to, and what no schema may do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.errors import Invalid
from flagd.flags.model import Flag, default_targeting
from flagd.flags.patch import new_flag, patch_flag, schema_engine
from flagd.flags.patch.schema_engine import MAX_ALL_PATTERNS, MAX_CLASSES, MAX_PATTERN, MAX_PATTERNS
from flagd.flags.patch.value_schema import DIALECTS, MAX_SCHEMA_BYTES
from flagd.snapshots.compile import NO_LIMIT, wire_flag

from .builders import NOW, problems_of

LIMITS: dict[str, Any] = {
    "type": "object",
    "properties": {"timeout": {"$ref": "#/$defs/seconds"}, "colour": {"enum": ["red", None]}},
    "required": ["timeout"],
    "additionalProperties": False,
    "$defs": {"seconds": {"type": "integer", "minimum": 1, "default": None}},
}

CLOSED = {"additionalProperties": False}
ONE_ITEM = {"items": [{}], "additionalItems": False}


def made(value: Any, schema: Any, kind: str = "object") -> Flag:
    """A flag with one variant and a schema."""
    document = {"key": "limits", "kind": kind, "variants": {"x": {"value": value}}, "schema": schema}
    return new_flag(document, "id", "project", NOW)


def refused(schema: Any, value: Any = None) -> dict[str, str]:
    """What is wrong with a flag of kind object that has this schema."""
    return problems_of(lambda: made({} if value is None else value, schema))


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        ({"timeout": "5s"}, "/timeout", "'x' breaks the flag's schema: it is not of type \"integer\""),
        ({"timeout": 0}, "/timeout", "it is less than the minimum of 1"),
        ({}, "", '"timeout" is a required property'),
        ({"timeout": 5, "colour": "blue"}, "/colour", 'it is not one of "red" or null'),
        ({"timeout": 5, "a/b": 1}, "/a~1b", "'a/b' was unexpected"),
    ],
)
def test_a_value_that_breaks_the_schema_is_named_by_its_place(value: Any, place: str, words: str) -> None:
    """The variant, the place inside its value and what the schema says are told, whichever of the two is new."""
    pointer = f"/variants/x/value{place}"
    assert words in refused(LIMITS, value)[pointer]
    old = made(value, None)
    assert words in problems_of(lambda: patch_flag(old, {"schema": LIMITS}))[pointer]
    held = made({"timeout": 5}, LIMITS)
    patch = {"variants": {"x": {"value": value}}}
    assert words in problems_of(lambda: patch_flag(held, patch))[pointer]


@pytest.mark.parametrize(
    ("kind", "value", "schema", "is_fine"),
    [
        ("string", "blue", {"enum": ["blue", "red"]}, True),
        ("string", "green", {"enum": ["blue", "red"]}, False),
        ("string", "a@example.com", {"format": "email"}, True),
        ("string", "nobody", {"format": "email"}, False),
        ("string", "nobody", {"$schema": DIALECTS[2], "format": "email"}, False),
        ("string", "anything", {"format": "of-our-own"}, True),
        ("string", "x" * 9, {"pattern": "^x+$", "maxLength": 9}, True),
        ("integer", 5, {"multipleOf": 2}, False),
        ("integer", 5.0, {"type": "integer"}, True),
        ("float", 5, {"type": "number", "exclusiveMaximum": 5}, False),
        ("boolean", True, {"const": 1}, False),
        ("object", {"a": [1, "b"]}, {"properties": {"a": {"prefixItems": [{"type": "integer"}]}}}, True),
        ("object", {"a": 1}, {"$schema": DIALECTS[1] + "#", "unevaluatedProperties": False}, False),
        ("object", {"a": 1}, {"$schema": DIALECTS[2], "dependencies": {"a": ["b"]}}, False),
        ("object", {"$ref": 1}, {"properties": {"$ref": {"type": "integer"}, "$id": False}}, True),
        ("object", {"a": {"$ref": "x"}}, {"const": {"a": {"$ref": "x"}}}, True),
        ("object", {"a": 1}, {"$id": "https://x.org/s", "$ref": "#/$defs/a%25~1", "$defs": {"a%/": False}}, False),
    ],
)  # fmt: skip
def test_values_of_every_kind_are_held_to_it(kind: str, value: Any, schema: Any, is_fine: bool) -> None:
    """Draft 7, 2019-09 and 2020-12 mean what they mean; formats that are known must be kept, others say nothing."""
    if is_fine:
        assert made(value, schema, kind).schema == schema
    else:
        (place,) = problems_of(lambda: made(value, schema, kind))
        assert place.startswith("/variants/x/value")


@pytest.mark.parametrize(
    ("value", "schema", "place"),
    [
        ({"b": 1}, CLOSED, "/b"),
        ({"a": 1, "b/c": 1}, {"properties": {"a": {}}, "additionalProperties": False}, "/b~1c"),
        ({"a": {"b": 1}}, {"additionalProperties": {"$ref": "#/$defs/x"}, "$defs": {"x": CLOSED}}, "/a/b"),
        ({"a": 1, "b": 1}, {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, "/b"),
        ({"a": 1, "long": 1}, {"propertyNames": {"maxLength": 3}}, "/long"),
        ({"a": {"long": 1}}, {"properties": {"a": {"propertyNames": False}}}, "/a/long"),
        ({"a": [1, 2]}, {"$schema": DIALECTS[2], "properties": {"a": ONE_ITEM}}, "/a/1"),
        ({"additionalProperties": {"b": 1}}, {"properties": {"additionalProperties": False}}, "/additionalProperties"),
        ({"a": 1}, {"$ref": "#/$defs/propertyNames", "$defs": {"propertyNames": False}}, ""),
    ],
)  # fmt: skip
def test_what_must_not_be_there_is_named(value: Any, schema: Any, place: str) -> None:
    """A member that no object may have, or whose name breaks a rule, and an item too many are in the pointer."""
    assert refused(schema, value).keys() == {f"/variants/x/value{place}"}


def test_the_variants_a_patch_does_not_name_are_checked_with_a_new_schema() -> None:
    """A schema is refused for a variant that it does not allow, whether the patch names that variant or not."""
    values = {"a": 1, "b": "2", "c": 3}
    variants = {name: {"value": {"n": value}} for name, value in values.items()}
    document = {"key": "k", "kind": "object", "variants": variants}
    old = new_flag(document, "id", "project", NOW)
    numbers = {"properties": {"n": {"type": "number"}}}
    patch = {"schema": numbers, "variants": {"a": {"description": "one"}}}
    assert problems_of(lambda: patch_flag(old, patch)).keys() == {"/variants/b/value/n"}
    patch["variants"] = {"b": None}
    assert patch_flag(old, patch).schema == numbers


def test_a_schema_is_replaced_whole() -> None:
    """What a patch sends is the new schema, its own nulls included; null takes it away, and leaving it out keeps it."""
    old = made({"timeout": 5}, LIMITS)
    other = {"default": None, "examples": [None]}
    assert patch_flag(old, {"schema": other}).schema == other
    assert patch_flag(old, {"schema": None}).schema is None
    assert patch_flag(old, {"name": "Limits"}).schema == old.schema
    assert patch_flag(old, {"schema": None, "variants": {"x": {"value": {}}}}).variants[0].value == {}
    assert patch_flag(old, old.document()) == old


def test_applications_are_not_sent_it() -> None:
    """What an application is sent is the same with a schema and without."""
    sent = [
        wire_flag(flag, default_targeting(flag, "id-of-environment", "id"), NO_LIMIT)
        for flag in (made({"timeout": 5}, LIMITS), made({"timeout": 5}, None))
    ]
    assert sent[0] == sent[1]


# --- schemas -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "place", "words"),
    [
        (True, "", "must be a JSON Schema (an object), or null for none, not a boolean"),
        ([], "", "not an array"),
        ({"type": "objct"}, "/type", "is no JSON Schema"),
        ({"properties": {"a/b": {"minimum": "1"}}}, "/properties/a~1b/minimum", "is no JSON Schema"),
        ({"properties": []}, "/properties", "is no JSON Schema"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "/$schema", "must be one of https://json-"),
        ({"$schema": 7}, "/$schema", "must be one of"),
        ({"$ref": "#/$defs/none"}, "/$ref", "must lead to a part of this schema"),
        ({"$ref": "#/const", "const": {}}, "/$ref", "that is a schema"),
        ({"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor"}}}, "/$ref", "that is a schema"),
        ({"items": {"$ref": "other.json"}}, "/items/$ref", "must lead to a part"),
        ({"$dynamicRef": "#a"}, "/$dynamicRef", "by $ref"),
        ({"$defs": {"a": {"$id": "https://example.com/a"}}}, "/$defs/a/$id", "at the top"),
        ({"$defs": {"a": {"$schema": DIALECTS[0]}}}, "/$defs/a/$schema", "at the top"),
        ({"items": {"$ref": "#"}}, "/items/$ref", "leads back to itself"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}, "/$defs/a/not/$ref", "itself"),
        ({"pattern": "("}, "/pattern", "must be a regular expression"),
        ({"items": {"pattern": "a(?=b)"}}, "/items/pattern", "without look-around"),
        ({"$defs": {"a": {"pattern": r"(a)\1"}}}, "/$defs/a/pattern", "back-references"),
        ({"pattern": "(?:x{1000}){1000}"}, "/pattern", "not too large"),
        ({"pattern": "a|(?i)b"}, "/pattern", "without flags"),
        ({"pattern": r"\\\\(?-u:b)"}, "/pattern", "without flags"),
        ({"patternProperties": {"(?<!a)b": {}}}, "/patternProperties/(?<!a)b", "regular expression"),
        ({"maximum": 2**60}, "/maximum", "2^53 - 1"),
        ({"const": ["\x00"]}, "/const/0", "NUL"),
        ({"title": "x" * MAX_SCHEMA_BYTES}, "", f"at most {MAX_SCHEMA_BYTES} bytes"),
        ({"$schema": DIALECTS[2], "$ref": "#/$defs/a", "$defs": {"a": {"type": 5}}}, "", "cannot be used"),
    ],
)  # fmt: skip
def test_schemas_that_cannot_be(schema: Any, place: str, words: str) -> None:
    """Whatever is wrong with a schema is named by its place in it."""
    assert words in refused(schema)[f"/schema{place}"]


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[object]]]:
    """The address of a server, and who connected to it."""
    callers: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, caller = server.accept()
                except OSError:
                    return
                callers.append(caller)
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/schema.json", callers
        server.shutdown(socket.SHUT_RDWR)


def test_nothing_is_ever_fetched(stranger: tuple[str, list[object]], tmp_path: Path) -> None:
    """No schema has the server ask another one, or read a file of its own, wherever it names one."""
    url, callers = stranger
    file = tmp_path / "schema.json"
    file.write_text("{}")
    for target in (url, file.as_uri(), f"{url}#/$defs/a", "//127.0.0.1/x", str(file)):
        for schema in (
            {"$ref": target},
            {"$schema": target},
            {"$id": target, "$ref": "x"},
            {"items": {"$ref": target}},
            {"$dynamicRef": target},
            {"$recursiveRef": target},
            {"$defs": {"a": {"$id": target, "$ref": "#/$defs/b"}}},
            {"$ref": "#/x", "x": {"$ref": target}},
            {"$schema": DIALECTS[2], "definitions": {"a": {"$ref": target}}},
            {"dependencies": {"a": {"$ref": target}}},
            {"properties": {"$ref": {"$ref": target}}},
        ):
            assert refused(schema), schema
        for harmless in (
            {"$id": target.partition("#")[0]},
            {"default": {"$ref": target}},
            {"$comment": target},
        ):
            assert made({}, harmless).schema == harmless
    assert callers == []


def doubling(levels: int) -> dict[str, Any]:
    """A schema in which each definition refers to the next one twice."""
    parts: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
        for n in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{levels}": {"type": "object"}}}  # fmt: skip


def unevaluated(levels: int) -> dict[str, Any]:
    """A schema for whose every level the ones below are looked at again."""
    schema: dict[str, Any] = {"properties": {"a": {}}}
    for _ in range(levels):
        schema = {"unevaluatedProperties": False, "allOf": [schema]}
    return schema


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (doubling(25), "steps to check, all references followed; the most is 10000"),
        (unevaluated(25), "steps to check"),
        ({"anyOf": [{"pattern": f"[01]*1[01]{{{600 + n}}}x"} for n in range(20)]}, "steps to check"),
        ({"anyOf": [{"pattern": str(n)} for n in range(MAX_PATTERNS + 1)]}, "at most 50 patterns, not 51"),
    ],
    ids=["references", "unevaluated", "patterns", "many patterns"],
)
def test_a_schema_that_takes_for_ever_is_refused(schema: Any, words: str) -> None:
    """What doubles from level to level is counted before anything is checked against it."""
    assert words in refused(schema)["/schema"]
    made({}, doubling(4))
    made({}, unevaluated(4))


def chain(links: int, *entries: int) -> dict[str, Any]:
    """A schema that enters a chain of references at these links, one after the other."""
    parts = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(links)}
    return {"allOf": [{"$ref": f"#/$defs/d{n}"} for n in entries], "$defs": {**parts, f"d{links}": True}}


@pytest.mark.parametrize(
    "schema",
    [chain(300, 0), chain(480, *range(450, -1, -50)), chain(62, 60, 0), chain(62, 0)],
    ids=["chain", "from below", "one too many from below", "one too many"],
)
def test_references_one_after_another_have_an_end(schema: dict[str, Any]) -> None:
    """A chain of references is no deeper than any document may be, also where its end was seen before."""
    (words,) = refused(schema).values()
    assert "more than 64 levels deep, all references followed" in words
    made({}, chain(61, 0))
    made({}, chain(61, 50, 0))


@pytest.mark.parametrize(
    ("schema", "place", "words"),
    [
        ({"pattern": r"\w" * 5000}, "/pattern", f"at most {MAX_PATTERN} characters, not 10000"),
        ({"allOf": [{"patternProperties": {r"\S" * 100: {}}}]}, "/allOf/0/patternProperties/" + r"\S" * 100, "of \\d"),
        ({"pattern": "(?i)" + "[!-\U0010ffff]" * 50}, "/pattern", "without flags"),
        ({"allOf": [{"pattern": str(n) * 251} for n in range(4)]}, "", f"at most {MAX_ALL_PATTERNS} characters in all"),
        ({"allOf": [{"pattern": "a"}, {"pattern": r"\d" * (MAX_CLASSES + 1)}]}, "/allOf/1/pattern", "not 17"),
        ({"allOf": [{"pattern": r"\pL" * 16 + str(n)} for n in range(10)]}, "", "in all its patterns, not 160"),
    ],
)  # fmt: skip
def test_long_patterns_are_refused_before_any_is_tried(
    schema: Any, place: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make a pattern ready takes time that grows faster than the pattern: what is too long is only counted."""
    tried: list[Any] = []
    monkeypatch.setattr(schema_engine, "_ready", lambda schema, size: tried.append(schema))
    told = refused(schema)
    assert words in told[f"/schema{place}"]
    assert len(told) == 1
    assert tried == []


def test_patterns_that_are_short_enough_are_kept() -> None:
    """A pattern as long as they may be is fine, and so are a group with a name and what only looks like a flag."""
    for pattern in ("x" * MAX_PATTERN, r"\d" * MAX_CLASSES, "(?P<a>b)(?<c>d)", r"\(?i\)?", r"(?:\\\(?i)"):
        made({}, {"items": {"pattern": pattern}})
    made({}, {"allOf": [{"pattern": str(n) * 250} for n in range(4)]})


def test_a_schema_is_made_ready_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns are measured in few tries, and what is ready once checks one write after another."""
    tried: list[Any] = []
    ready = schema_engine._ready

    def counted(schema: Any, size: int) -> Any:
        tried.append(schema)
        return ready(schema, size)

    monkeypatch.setattr(schema_engine, "_ready", counted)
    pattern = "once [a-z]{300}"
    schema = {"properties": {"a": {"pattern": pattern}}}
    flag = made({}, schema)
    for number in range(3):
        flag = patch_flag(flag, {"variants": {"x": {"value": {"b": number}}}})
    assert tried.count(schema) == 1
    assert 1 <= tried.count({"pattern": pattern}) <= 3
    assert len(tried) == 1 + tried.count({"pattern": pattern})


def test_much_to_check_is_refused_for_the_value() -> None:
    """A long text and a pattern that may look at it again and again are refused together, the variant named."""
    slow = {"properties": {"a": {"pattern": "[01]*1[01]{700}x"}}}
    made({"a": "1" * 701 + "x"}, slow)
    assert "would take too long to check" in refused(slow, {"a": "01" * 32_000})["/variants/x/value"]


@pytest.mark.parametrize(
    "schema",
    [
        {"items": {"not": {"enum": [n + 0.5 for n in range(60)]}}},
        {"items": {"not": {"enum": [n * 1.5e-300 for n in range(1, 8)]}}},
        {"items": {"allOf": [{"minimum": -n} for n in range(1, 60)]}},
        {"items": {"allOf": [{"multipleOf": 0.5} for _ in range(50)]}},
    ],
)
def test_much_to_compare_is_refused_for_the_value(schema: dict[str, Any]) -> None:
    """Numbers are compared as fractions, of any number of digits: each with each is counted, and tiny ones for more."""
    made({"a": [1] * 50}, {"properties": {"a": schema}})
    assert (
        "would take too long"
        in refused({"properties": {"a": schema}}, {"a": [1] * 1_000})["/variants/x/value"]
    )
    tiny = {"a": [1e-300] * 100}
    assert "would take too long" in refused({"properties": {"a": schema}}, tiny)["/variants/x/value"]


def test_what_is_wrong_is_told_while_it_is_little() -> None:
    """Where very many items fit no alternative, no more is told than which value it is: it would take gigabytes."""
    schema = {"properties": {"a": {"oneOf": [{"items": {"type": "string"}} for _ in range(400)]}}}
    told = refused(schema, {"a": [0] * 1_000})
    assert told == {"/variants/x/value": "'x' breaks the flag's schema: in one of its parts"}
    assert "listed in the 'oneOf' keyword" in refused(schema, {"a": [0]})["/variants/x/value/a"]


def test_a_problem_does_not_repeat_the_value() -> None:
    """However long a value or a schema is, what is said about it is short, and holds nothing of the value but names."""
    secret = "hunter2" * 1000
    schemas: tuple[dict[str, Any], ...] = (
        {"properties": {"a": {"enum": ["y" * 5000]}}},
        {"properties": {"a": {"pattern": "^y"}}},
        {"properties": {"b": {}}, "additionalProperties": False},
        {"unevaluatedProperties": False},
        {"propertyNames": {"const": "b"}},
        {"const": {}},
        {"not": {"required": ["a"]}},
        {"anyOf": [{"maxProperties": 0}]},
    )
    for schema in schemas:
        (words,) = refused(schema, {"a": secret}).values()
        assert "hunter2" not in words
        assert len(words) < 400


def test_a_problem_may_repeat_the_name_of_a_member() -> None:
    """The names of members are part of what is said: a rule for names could not be explained without."""
    told = refused({"propertyNames": {"maxLength": 3}}, {"longer": 1})
    assert told == {
        "/variants/x/value/longer": "'x' breaks the flag's schema: \"longer\" is longer than 3 characters"
    }


KEYWORDS = (
    *("$defs", "$ref", "$schema", "$id", "items", "prefixItems", "properties", "allOf", "oneOf", "not", "if"),
    *("enum", "const", "type", "pattern", "patternProperties", "required", "unevaluatedProperties", "dependencies"),
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(("#", "#/not")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@given(schema=st.dictionaries(st.sampled_from(KEYWORDS), ANYTHING, max_size=4), value=ANYTHING)
def test_any_document_is_a_schema_or_refused(schema: dict[str, Any], value: Any) -> None:
    """Nothing that is sent as a schema or checked against one makes a mistake of the server's."""
    try:
        flag = made({"a": value}, schema)
    except Invalid:
        return
    assert orjson.loads(orjson.dumps(flag.schema)) == flag.schema
    assert patch_flag(flag, flag.document()) == flag
