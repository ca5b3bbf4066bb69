"""The documentation against the code: complete in what it lists, true in what it shows, and without dead links."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import flagd_core
from flagd.settings import PREFIX, Settings
from flagd.snapshots.model import Place, Revision, Snapshot, part

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_is_documented() -> None:
    """docs/settings.md has a row for each setting, and for no other variable of the service."""
    page = (ROOT / "docs/settings.md").read_text()
    service = page[: page.index("Only the examples read these")]

    assert set(re.findall(r"^\| `(\w+)`", service, re.MULTILINE)) == {
        f"{PREFIX}{name.upper()}" for name in Settings.model_fields
    }


def test_the_documented_snapshot_is_one() -> None:
    """The example loads, its digest is that of its content, and it answers as the page says."""
    page = (ROOT / "docs/snapshot.md").read_text()
    found = re.search(r"```json\n(\{\n  \"format\".*?)```", page, re.DOTALL)
    assert found is not None
    example: dict[str, Any] = json.loads(found[1])

    snapshot = Snapshot(
        Place("id", example["project"], example["environment"]),
        Revision(example["lineage"], example["revision"]),
        {key: part(wire) for key, wire in example["flags"].items()},
        {key: part(wire) for key, wire in example["segments"].items()},
    )
    assert snapshot.digest == example["digest"]
    assert f"flag payments {snapshot.flags['payments'].digest}\n" in page
    rules = flagd_core.load(example)
    assert rules.evaluate("new-checkout", "alice").reason == "TARGETING_MATCH"
    assert rules.evaluate("new-checkout", {"targetingKey": "grace", "country": "US"}).rule == "beta"
    assert rules.evaluate("new-checkout", "grace").reason == "SPLIT"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of the documentation names a file that is there."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_headings(page: Path) -> None:
    """Every link to a section, of its own page or of another, names a heading that is there."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text())

    assert [
        link for link in links if link[1] not in _anchors(page.parent / link[0] if link[0] else page)
    ] == []


def _anchors(page: Path) -> set[str]:
    """The names of a page's headings as a forge makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_decisions_are_listed_in_order() -> None:
    """The index of decisions names each record by its number and title."""
    records = sorted((ROOT / "docs/adr").glob("0*.md"))
    titles = [record.read_text().splitlines()[0].removeprefix("# ") for record in records]
    expected = [
        re.sub(r"^(\d+)\. (.*)$", rf"\1. [\2]({record.name})", title)
        for record, title in zip(records, titles, strict=True)
    ]

    assert re.findall(r"^\d+\. .*$", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE) == expected
    assert [int(title.split(".")[0]) for title in titles] == list(range(1, len(titles) + 1))


def test_the_readme_begins_with_the_two_commands() -> None:
    """Whoever opens the README sees at once how to run it and how to test it."""
    head = (ROOT / "README.md").read_text()[:200]

    assert "make run" in head
    assert "make test" in head
