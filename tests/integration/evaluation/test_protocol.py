"""OFREP over HTTP, as its providers speak it: what they send is understood, and what they get they can read."""

from __future__ import annotations

from typing import Any, Final

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # comes without types

from flagd.errors import Refused, Unavailable
from flagd.evaluation import ofrep
from flagd.infra.http import MAX_BODY_BYTES

from .asking import BULK, Asking

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLAT: Final = {"type": "object", "additionalProperties": {"type": ["boolean", "string", "number"]}}
REASONS: Final = "STATIC DEFAULT TARGETING_MATCH SPLIT DISABLED"
VALUE: Final = {"type": ["boolean", "string", "number", "object"]}
# OFREP's own schema refuses its own examples; this is what it means, and what every provider reads.
SUCCESS: Final = {
    "type": "object",
    "required": ["key", "reason", "variant", "metadata"],
    "properties": {
        "key": {"type": "string"},
        "reason": {"enum": REASONS.split()},
        "variant": {"type": "string"},
        "metadata": FLAT,
        "value": VALUE,
    },
    "additionalProperties": False,
}
CODES: Final = ["PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL", "FLAG_NOT_FOUND"]
FAILURE: Final = {
    "type": "object",
    "required": ["key", "errorCode", "errorDetails", "metadata"],
    "properties": {
        "key": {"type": "string"},
        "errorCode": {"enum": CODES},
        "errorDetails": {"type": "string", "minLength": 1},
        "metadata": FLAT,
    },
    "additionalProperties": False,
}
BULK_SUCCESS: Final = {
    "type": "object",
    "required": ["flags", "metadata"],
    "properties": {"flags": {"type": "array", "items": {"oneOf": [SUCCESS, FAILURE]}}, "metadata": FLAT},
}
BULK_FAILURE: Final = {
    "type": "object",
    "required": ["errorCode", "errorDetails"],
    "properties": {"errorCode": {"enum": CODES}, "errorDetails": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}


def checked(answer: httpx.Response, schema: dict[str, Any]) -> Any:
    """The body of an answer that is JSON, of this shape, and for nobody else."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-store"
    Draft202012Validator(schema).validate(answer.json())
    return answer.json()


def values(answer: httpx.Response) -> dict[str, Any]:
    """What the flags of a bulk answer are worth, or why they are not."""
    entries = checked(answer, BULK_SUCCESS)["flags"]
    return {entry["key"]: entry.get("value", entry.get("errorCode")) for entry in entries}


async def test_every_flag_is_answered_in_one_shape(asking: Asking) -> None:
    """Alone and in bulk, served, off or failed, each answer has every member that some provider insists on."""
    bulk = checked(await asking.ask(), BULK_SUCCESS)
    for entry in bulk["flags"]:
        answer = await asking.ask(entry["key"])
        alone = checked(answer, FAILURE if "errorCode" in entry else SUCCESS)
        assert answer.status_code == (400 if "errorCode" in entry else 200)
        alone["metadata"].pop("revision", None)
        assert alone == entry
    assert [entry["key"] for entry in bulk["flags"]] == sorted(entry["key"] for entry in bulk["flags"])


async def test_a_value_is_a_value_or_is_left_out(asking: Asking) -> None:
    """The caller's default is asked for by leaving the value out, never with null; an off value is no DISABLED."""
    none, value = (await asking.ask("off-none")).json(), (await asking.ask("off-value")).json()
    assert "value" not in none
    assert (none["reason"], none["variant"]) == ("DISABLED", "")
    assert (value["value"], value["reason"], value["variant"]) == (False, "STATIC", "off")
    assert b'"value":10.0' in (await asking.ask("ratio")).content


async def test_a_client_key_sees_what_is_visible_to_clients(asking: Asking) -> None:
    """To a client key a flag that is not client-visible does not exist, neither alone nor in bulk."""
    assert "hidden" not in values(await asking.ask())
    assert "hidden" in values(await asking.ask(kind="server"))
    there, missing = await asking.ask("hidden"), await asking.ask("nowhere")
    assert there.status_code == missing.status_code == 404
    assert there.text == missing.text.replace("nowhere", "hidden")


@pytest.mark.parametrize(
    "content", [b"", b" ", b"{}", b'{"context":null}', b'{"context":{}}', b'{"contxt":{"a":1}}']
)
async def test_without_a_context_only_a_split_fails(asking: Asking, content: bytes) -> None:
    """A body, a context and a targeting key may be missing: only what hashes a targeting key asks for one."""
    answer = await asking.ask(content=content)
    assert answer.status_code == 200
    expected = {
        "beta": False,
        "off-none": None,
        "off-value": False,
        "ratio": 10.0,
        "split": "TARGETING_KEY_MISSING",
    }
    assert values(answer) == expected | {"words": {"a": [1, {"b": None}]}}
    assert (await asking.ask("split", content=content)).json()["errorCode"] == "TARGETING_KEY_MISSING"


async def test_a_context_may_hold_anything_json_has(asking: Asking) -> None:
    """Attributes nobody asks about, nested ones, dates as text and a numeric targeting key disturb nothing."""
    context = {
        "targetingKey": 17,
        "plan": "beta",
        "company": {"id": 3, "tags": ["a", {"b": None}]},
        "since": "2026-11-23T10:00:00Z",
        "big": 2**63,
        "": "",
    }
    answer = values(await asking.ask(context=context))
    assert answer["beta"] is True
    assert answer["split"] == values(await asking.ask(context={"targetingKey": "17"}))["split"]


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "application/json; charset=utf-8", "text/plain;charset=UTF-8", "x"],
)
async def test_any_content_type_will_do(asking: Asking, content_type: str | None) -> None:
    """Providers say more, less and nothing about their body, which is JSON all the same."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await asking.ask(content=b'{"context":{"plan":"beta"}}', headers=headers)
    assert values(answer)["beta"] is True


@pytest.mark.parametrize(
    "path",
    [
        "/{}",
        "/{}/",
        "//{}",
        "/{}//",
        "///ofrep//v1/evaluate///flags",
    ],
)
async def test_slashes_more_or_less_are_no_matter(asking: Asking, path: str) -> None:
    """However a client has joined its addresses, it is answered and not redirected."""
    address = f"http://flagd.test{path.format(BULK[1:])}"
    answer = await asking.ask(path=address)
    assert answer.status_code == 200
    assert "beta" in values(answer)
    one = await asking.ask(path=f"{address.rstrip('/')}//beta/")
    assert (one.status_code, one.json()["key"]) == (200, "beta")


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("team/a%20b", "team/a b"),
        ("team%2Fa", "team/a"),
        ("%C3%BC", "ü"),
        ("a%00", "a\0"),
        ("a%22", 'a"'),
    ],
)
async def test_a_key_that_can_be_none_is_not_found(asking: Asking, sent: str, key: str) -> None:
    """Clients do not escape keys: whatever arrives is told to be no flag, under the key as it arrived."""
    answer = await asking.ask(sent)
    assert answer.status_code == 404
    failed = checked(answer, FAILURE)
    assert (failed["key"], failed["errorCode"]) == (key, "FLAG_NOT_FOUND")


async def test_a_key_is_shown_in_either_header(asking: Asking) -> None:
    """Authorization: Bearer and X-API-Key are the same."""
    key = asking.keys["live", "client"]
    assert (await asking.ask(key=None, headers={"X-API-Key": key})).status_code == 200
    assert (await asking.ask(key=None, headers={"Authorization": f"bearer {key}"})).status_code == 200


FAULTS: Final[dict[str, tuple[dict[str, Any], int, str]]] = {
    "broken": ({"content": b'{"context":'}, 400, "PARSE_ERROR"),
    "compressed": (
        {"content": b"\x1f\x8b\x08\x00", "headers": {"Content-Encoding": "gzip"}},
        400,
        "PARSE_ERROR",
    ),
    "a list": ({"content": b"[]"}, 400, "INVALID_CONTEXT"),
    "a text for a context": ({"content": b'{"context":"ada"}'}, 400, "INVALID_CONTEXT"),
    "too deep": ({"content": b'{"context":{"a":' + b"[" * 40 + b"]" * 40 + b"}}"}, 400, "INVALID_CONTEXT"),
    "no key": ({"key": None}, 401, "GENERAL"),
    "a foreign key": ({"key": "flagd_client_" + "x" * 43}, 401, "GENERAL"),
    "a large context": ({"content": b" " * (ofrep.MAX_CONTEXT_BYTES + 1)}, 413, "GENERAL"),
    "a larger body": ({"content": b" " * (MAX_BODY_BYTES + 1)}, 413, "GENERAL"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_request_is_told_in_ofrep_s_words(asking: Asking, fault: str) -> None:
    """What is wrong with a request is a JSON object with an error code, and no problem document."""
    options, status, code = FAULTS[fault]
    bulk, single = await asking.ask(**options), await asking.ask("beta", **options)
    assert bulk.status_code == single.status_code == status
    assert checked(bulk, BULK_FAILURE)["errorCode"] == code
    failed = checked(single, FAILURE)
    assert (failed["key"], failed["errorCode"]) == ("beta", code)
    assert ("WWW-Authenticate" in bulk.headers) == (status == 401)


@pytest.mark.parametrize(
    ("raised", "status"),
    [(RuntimeError("secret"), 500), (Unavailable("not now"), 503), (Refused("not you"), 403)],
)
async def test_a_failing_service_is_told_in_ofrep_s_words(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int
) -> None:
    """Defects, refusals and what is not there yet have the same shape, and say nothing of the inside."""

    def fail(*_args: object, **_options: object) -> None:
        raise raised

    monkeypatch.setattr(ofrep, "single", fail)
    monkeypatch.setattr(ofrep, "bulk", fail)
    for answer, schema in ((await asking.ask(), BULK_FAILURE), (await asking.ask("beta"), FAILURE)):
        assert answer.status_code == status
        assert checked(answer, schema)["errorCode"] == "GENERAL"
        assert "secret" not in answer.text
        assert ("Retry-After" in answer.headers) == (status == 503)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "HEAD"])
async def test_other_methods_are_refused(asking: Asking, method: str) -> None:
    """Whatever is not POST is told so, whoever asks; that of a path that is none, too."""
    for path in (BULK, f"{BULK}/beta", f"/{BULK}//"):
        answer = await asking.http.request(method, f"http://flagd.test{path}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
        if method != "HEAD":  # whose answers have no body
            checked(answer, BULK_FAILURE)
    nothing = await asking.http.request(method, "/ofrep/v1/configuration")
    assert nothing.status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/ofrep", "/ofrep/", "/ofrep/v1/configuration", "/ofrep/v2/evaluate/flags", f"{BULK}/two%0Alines"],
)
async def test_other_paths_are_not_there(asking: Asking, path: str) -> None:
    """What the protocol no longer has, or never had, is not there, in the protocol's words."""
    answer = await asking.ask(path=path)
    assert answer.status_code == 404
    checked(answer, BULK_FAILURE)


async def test_what_options_there_are_may_be_asked(asking: Asking) -> None:
    """OPTIONS without a page behind it names the methods."""
    answer = await asking.http.options(BULK)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, "POST, OPTIONS", b"")


async def test_a_tag_is_of_the_answer_and_not_of_the_configuration(asking: Asking) -> None:
    """Another context is answered in full where it changes the answer, though no flag did, and only there."""
    first = await asking.ask(context={"targetingKey": "ada", "plan": "free"})
    known = {"If-None-Match": first.headers["ETag"]}
    same = await asking.ask(context={"targetingKey": "ada", "plan": "gold"}, headers=known)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]
    other = await asking.ask(context={"targetingKey": "ada", "plan": "beta"}, headers=known)
    assert other.status_code == 200
    assert values(other)["beta"] is True


@pytest.mark.parametrize("spelling", ["{}", "W/{}", '"x", {}', "*", "bare", "gzip"])
async def test_a_tag_is_recognised_however_it_comes_back(asking: Asking, spelling: str) -> None:
    """Weak, in a list, without quotes and with a proxy's suffix: it is the same tag."""
    tag = (await asking.ask()).headers["ETag"]
    sent = {"bare": tag.strip('"'), "gzip": f'W/{tag[:-1]}-gzip"'}.get(spelling) or spelling.format(tag)
    assert (await asking.ask(headers={"If-None-Match": sent})).status_code == 304
    changed = sent.replace(tag[1:9], "00000000")
    assert (await asking.ask(headers={"If-None-Match": changed})).status_code == (304 if sent == "*" else 200)


async def test_a_tag_is_good_for_one_kind_of_key_in_one_environment(asking: Asking) -> None:
    """What was answered to one kind of key, or from one environment, is not confirmed to another."""
    tags = {
        place: (await asking.ask(kind=place[1], environment=place[0])).headers["ETag"]
        for place in asking.keys
    }
    assert len(set(tags.values())) == len(tags)


async def test_one_flag_is_never_not_modified(asking: Asking) -> None:
    """A single evaluation has no tag and is always answered."""
    tag = (await asking.ask()).headers["ETag"]
    answer = await asking.ask("beta", headers={"If-None-Match": f"*, {tag}"})
    assert answer.status_code == 200
    assert "ETag" not in answer.headers


async def test_who_was_told_of_another_configuration_is_answered_in_full(asking: Asking) -> None:
    """304 would end the wait of a client for a configuration that is not here yet; what is here is confirmed."""
    answer = await asking.ask()
    known = {"If-None-Match": answer.headers["ETag"]}
    snapshot = await asking.http.get("/sdk/v1/snapshot", headers={"X-API-Key": asking.keys["live", "server"]})
    for told, status in (
        ({"flagConfigEtag": '"another"'}, 200),
        ({"flagConfigEtag": ""}, 200),
        ({"flagConfigEtag": answer.headers["ETag"]}, 304),
        ({"flagConfigEtag": snapshot.headers["ETag"]}, 304),
        ({"flagConfigLastModified": "1771622898"}, 304),
        ({"flagConfigLastModified": "not a time", "more": "1"}, 304),
    ):
        assert (await asking.ask(headers=known, params=told)).status_code == status, told
        assert (await asking.ask(params=told)).status_code == 200


async def test_the_same_question_has_the_same_bytes(asking: Asking) -> None:
    """Clients compare flags as text, so the order of members and flags does not vary."""
    context = {"targetingKey": "ada"}
    assert len({(await asking.ask(context=context)).content for _ in range(3)}) == 1
    assert orjson.loads((await asking.ask()).content)["metadata"].keys() == {"revision"}
