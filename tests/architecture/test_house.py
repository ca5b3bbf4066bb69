"""The project keeps the rules of its house."""

from __future__ import annotations

import pytest

from tests.architecture.house import ROOT, RULES, SOURCES, Module, Rule, crowded_folders, modules


@pytest.fixture(scope="module")
def project() -> list[Module]:
    return list(modules())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_nothing_breaks_the_rule(rule: Rule, project: list[Module]) -> None:
    """No module of the project does what the rule keeps in one place, or grows beyond what it allows."""
    assert [line for module in project for line in rule.violations(module)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_covers_something(rule: Rule, project: list[Module]) -> None:
    """A rule is not kept by covering nothing, nor lets a module through that is gone."""
    paths = [module.path for module in project]
    for pattern in (*rule.covers, *rule.lets_through):
        assert any(Rule("", rule.lint, (pattern,)).covers_path(path) for path in paths), pattern


@pytest.mark.parametrize("source", SOURCES)
def test_folders_can_be_read_at_a_glance(source: str) -> None:
    """No folder holds more files, or more folders, than a reader takes in at once."""
    assert crowded_folders(ROOT / source) == []
