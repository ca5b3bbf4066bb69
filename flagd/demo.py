"""The demo project: two environments and a handful of flags, made through the same services as everything else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flagd.access.service import NewApiKey, create_key
from flagd.flags import segment_service, service, targeting_service
from flagd.flags.model import Placed
from flagd.infra.changes import Actor
from flagd.infra.db import WriteTx
from flagd.projects.model import Environment, NewEnvironment, NewProject, Project
from flagd.projects.service import create_environment, create_project

PROJECT: Final = NewProject("demo", "Demo shop", "A small shop to try flags on.")
ENVIRONMENTS: Final = (
    NewEnvironment("development", "Development"),
    NewEnvironment("production", "Production"),
)

SEGMENT: Final[dict[str, Any]] = {
    "key": "beta-testers",
    "name": "Beta testers",
    "description": "People who asked to see things early: colleagues, and customers on the beta plan.",
    "included": ["grace"],
    "if": {
        "any": {
            "colleague": {
                "attribute": "email",
                "op": "ends_with",
                "values": ["@example.com"],
                "ignore_case": True,
            },
            "plan": {"attribute": "plan", "op": "equals", "values": ["beta"]},
        }
    },
}

COLOURS: Final = {"blue": "#2563eb", "green": "#16a34a", "orange": "#ea580c", "purple": "#9333ea"}


@dataclass(frozen=True, slots=True)
class DemoFlag:
    """A flag, how it answers in every environment, and what is different in production."""

    document: dict[str, Any]
    targeting: dict[str, Any]
    production: dict[str, Any]


FLAGS: Final = (
    DemoFlag(
        {
            "key": "new-checkout",
            "name": "New checkout",
            "kind": "boolean",
            "client_visible": True,
            "description": "One page instead of three. Widen it step by step.",
            "tags": ["checkout"],
        },
        {"enabled": True, "default": {"split": {"weights": {"on": 100, "off": 0}}}},
        {"default": {"split": {"weights": {"on": 0, "off": 100}}}},
    ),
    DemoFlag(
        {
            "key": "free-shipping",
            "name": "Free shipping",
            "kind": "boolean",
            "client_visible": True,
            "description": "A 20 % rollout: the same people every time.",
            "tags": ["pricing"],
        },
        {"enabled": True, "default": {"split": {"weights": {"on": 20, "off": 80}}}},
        {},
    ),
    DemoFlag(
        {
            "key": "beta-banner",
            "name": "Beta banner",
            "kind": "boolean",
            "client_visible": True,
            "description": "Shown to the segment beta-testers alone.",
        },
        {
            "enabled": True,
            "default": {"variant": "off"},
            "rules": {
                "beta": {
                    "description": "Beta testers see it",
                    "if": {"segment": "beta-testers"},
                    "serve": {"variant": "on"},
                }
            },
            "rule_order": ["beta"],
        },
        {},
    ),
    DemoFlag(
        {
            "key": "button-color",
            "name": "Button colour",
            "kind": "string",
            "client_visible": True,
            "description": "Four colours, a quarter of the visitors each.",
            "variants": {name: {"value": value} for name, value in COLOURS.items()},
            "variant_order": list(COLOURS),
        },
        {
            "enabled": True,
            "off_variant": "blue",
            "default": {"split": {"weights": dict.fromkeys(COLOURS, 25)}},
        },
        {},
    ),
    DemoFlag(
        {
            "key": "payments",
            "name": "Payments",
            "kind": "boolean",
            "client_visible": True,
            "description": "A kill switch: turn it off, and the shop stops taking payments.",
            "permanent": True,
            "tags": ["kill-switch"],
        },
        {"enabled": True, "default": {"variant": "on"}},
        {},
    ),
)


async def make(tx: WriteTx, actor: Actor, now: datetime) -> dict[str, Any]:
    """Makes the project and everything in it; returns the keys of its environments, which are shown this once."""
    project = await create_project(tx, actor, PROJECT, now)
    environments = [await create_environment(tx, actor, project, new, now) for new in ENVIRONMENTS]
    await segment_service.create_segment(tx, actor, project, SEGMENT, now)
    for flag in FLAGS:
        await service.create_flag(tx, actor, project, flag.document, now)
        for environment in environments:
            patch = flag.targeting | (flag.production if environment.key == "production" else {})
            placed = Placed(project, environment, flag.document["key"])
            await targeting_service.patch_targeting(tx, actor, placed, patch, 1, now)
    return {
        "server_keys": await _keys(tx, actor, "server", project, environments, now=now),
        "client_keys": await _keys(tx, actor, "client", project, environments, now=now),
    }


async def _keys(
    tx: WriteTx, actor: Actor, kind: Any, project: Project, environments: list[Environment], *, now: datetime
) -> dict[str, str]:
    made = {}
    for environment in environments:
        new = NewApiKey(kind, f"demo {kind} key", project, environment)
        _, made[environment.key] = await create_key(tx, actor, new, now)
    return made
