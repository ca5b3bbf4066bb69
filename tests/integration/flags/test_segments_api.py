"""Segments through the API, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from flagd.flags.schemas import SegmentList, SegmentView

from .shop import Shop, targeting_of

LEAF: dict[str, Any] = {
    "attribute": "email",
    "op": "ends_with",
    "values": ["@example.com"],
    "ignore_case": True,
}


async def test_a_segment_is_made_read_and_listed(shop: Shop) -> None:
    """A segment comes back as it was made, with its address, its ETag and the documented shape."""
    response = await shop.send(
        "POST", "segments", json={"key": "beta", "name": "Bêta", "included": ["小明"], "if": LEAF}
    )
    assert (response.status_code, response.headers["etag"]) == (201, '"v1"')
    assert response.headers["location"] == f"{shop.path}/segments/beta"
    read = await shop.get("segments/beta")
    assert read == response.json()
    assert (read["included"], read["if"]) == (["小明"], LEAF)
    TypeAdapter(SegmentView).validate_python(read)
    TypeAdapter(SegmentList).validate_python(await shop.get("segments"))
    again = await shop.send("POST", "segments", json={"key": "beta"})
    assert again.status_code == 409
    assert "#/key" in shop.problems(again)


async def test_an_edit_reaches_every_environment(shop: Shop) -> None:
    """Whoever changes a segment changes answers everywhere; a patch without effect is no write."""
    await shop.segment("beta", included=["a"])
    before = await shop.revisions()
    changed = await shop.wrote("segments/beta", {"excluded": ["b"]})
    assert (changed["included"], changed["excluded"], changed["version"]) == (["a"], ["b"], 2)
    assert await shop.revisions() == (before[0] + 1, before[1] + 1)
    state = await shop.state()
    for patch in ({"excluded": ["b"]}, await shop.get("segments/beta")):
        assert (await shop.write("segments/beta", patch)).headers["etag"] == '"v2"'
    assert await shop.state() == state


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"if": {"segment": "ghost"}}, "#/if/segment", "no segment 'ghost'"),
        ({"if": {"any": {"x": {**LEAF, "op": "ends"}}}}, "#/if/any/x/op", "no operator 'ends'"),
        ({"included": ["a", "b", "a"]}, "#/included/2", "appears twice"),
        ({"included": [1]}, "#/included/0", "must be a string"),
        ({"key": "other"}, "#/key", "cannot be changed here"),
        ({"rules": []}, "#/rules", "unknown member"),
    ],
)
async def test_a_patch_that_cannot_be_leaves_no_trace(
    shop: Shop, patch: dict[str, Any], pointer: str, words: str
) -> None:
    """A refused patch names the field at fault; no row and no entry of the log stays behind."""
    await shop.segment("beta")
    assert words in (await shop.refused("segments/beta", patch))[pointer]


async def test_segments_never_contain_each_other(shop: Shop) -> None:
    """A reference that would close a circle is refused with the path."""
    await shop.segment("staff")
    await shop.segment("testers", **{"if": {"segment": "staff"}})
    await shop.segment("beta", **{"if": {"not": {"segment": "testers"}}})
    told = await shop.refused("segments/staff", {"if": {"any": [{"segment": "beta"}]}})
    assert "staff -> beta -> testers -> staff" in told["#/if"]


async def test_segments_lead_no_further_than_applications_follow(shop: Shop) -> None:
    """A chain that every application would answer ERROR for is refused with the way, also for a restored segment."""
    await shop.segment("s16")
    for number in range(15, -1, -1):
        await shop.segment(f"s{number}", **{"if": {"segment": f"s{number + 1}"}})
    told = shop.problems(await shop.send("POST", "segments", json={"key": "top", "if": {"segment": "s0"}}))
    assert "longer than 16: top -> s0 -> s1" in told["#/if"]
    await shop.segment("end")
    told = await shop.refused("segments/s16", {"if": {"segment": "end"}})
    assert "s0 -> s1" in told["#/if"]
    await shop.segment("away", **{"if": {"segment": "s1"}})
    await shop.wrote("segments/away/archive")
    await shop.wrote("segments/s0/archive")
    await shop.wrote("segments/s16", {"if": {"segment": "end"}})
    for key in ("s0", "away"):
        told = await shop.refused(f"segments/{key}/restore", status=409)
        assert f"cannot come back: a chain of segments is longer than 16: {key} -> s1" in told["detail"]


async def test_a_used_segment_is_not_archived(shop: Shop) -> None:
    """A segment in use stays, and the answer names its users; archived ones cannot come back alone."""
    await shop.segment("staff")
    await shop.segment("beta", **{"if": {"segment": "staff"}})
    await shop.flag()
    rule = {"if": {"all": [{"segment": "beta"}]}, "serve": {"variant": "on"}}
    await shop.wrote(targeting_of("checkout"), {"rules": {"early": rule}})
    assert "segment 'beta'" in (await shop.refused("segments/staff/archive", status=409))["detail"]
    told = (await shop.refused("segments/beta/archive", status=409))["detail"]
    assert "rule 'early' of 'checkout' in 'production'" in told
    await shop.wrote("flags/checkout/archive")
    await shop.wrote("segments/beta/archive")
    await shop.wrote("segments/staff/archive")
    assert "segment 'staff'" in (await shop.refused("segments/beta/restore", status=409))["detail"]
    assert "segment 'beta'" in (await shop.refused("flags/checkout/restore", status=409))["detail"]
    assert "is archived" in (await shop.refused("segments/beta", {"name": "x"}, 409))["detail"]
    for path in ("segments/staff/restore", "segments/beta/restore", "flags/checkout/restore"):
        assert (await shop.wrote(path))["archived"] is False


async def test_an_archived_segment_cannot_be_referred_to(shop: Shop) -> None:
    """Rules and segments name only segments that are in use."""
    await shop.segment("beta")
    await shop.segment("other")
    await shop.flag()
    await shop.wrote("segments/beta/archive")
    rule = {"if": {"segment": "beta"}, "serve": {"variant": "on"}}
    assert "#/rules/r1/if/segment" in await shop.refused(targeting_of("checkout"), {"rules": {"r1": rule}})
    assert "#/if/segment" in await shop.refused("segments/other", {"if": {"segment": "beta"}})


async def test_a_segment_holds_ten_thousand_keys(shop: Shop) -> None:
    """Ten thousand keys fit, and come back in the order in which they were given."""
    keys = [f"user-{number:05}" for number in range(10_000, 0, -1)]
    await shop.segment("big", included=keys)
    assert (await shop.get("segments/big"))["included"] == keys


async def test_segment_writes_say_what_they_are_based_on(shop: Shop) -> None:
    """Without If-Match: 428; with an old version: 412 and the current ETag."""
    await shop.segment("beta")
    await shop.wrote("segments/beta", {"name": "Beta"})
    assert (await shop.send("PATCH", "segments/beta", json={"name": "x"})).status_code == 428
    for path, patch in (
        ("segments/beta", {"name": "x"}),
        ("segments/beta/archive", None),
        ("segments/beta/restore", None),
    ):
        stale = await shop.write(path, patch, version=1)
        assert (stale.status_code, stale.headers["etag"]) == (412, '"v2"')
