"""Which clients there are to measure, by the name they have in the tables. Nothing of a client is imported before it is
asked for, in the process that measures it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Final

from tests.bench.adapter import Adapter

OURS: Final = "flagd"
LEAST: Final = "least code"
LAUNCHDARKLY_EVENTS: Final = "LaunchDarkly, events on"
_ADAPTERS: Final = {
    OURS: "ours:Flagd",
    LEAST: "least:Least",
    "LaunchDarkly, events off": "peers.launchdarkly:LaunchDarkly",
    LAUNCHDARKLY_EVENTS: "peers.launchdarkly:LaunchDarklyWithEvents",
    "Unleash": "peers.unleash:Unleash",
    "GrowthBook": "peers.growthbook:GrowthBooks",
    "Flagsmith": "peers.flagsmith:Flagsmith",
    "Eppo": "peers.eppo:Eppo",
    "Statsig": "peers.statsig:Statsig",
    "OpenFeature flagd": "peers.openfeature_flagd:OpenFeatureFlagd",
    "ConfigCat": "peers.configcat:ConfigCat",
    "Flipt": "peers.flipt:Flipt",
}
PEERS: Final = tuple(name for name in _ADAPTERS if name not in (OURS, LEAST))


def adapter(name: str) -> type[Adapter]:
    """The adapter of a client. ImportError, of whatever kind, where the client is not installed or does not start."""
    module, _, attribute = _ADAPTERS[name].partition(":")
    found: type[Adapter] = getattr(import_module(f"tests.bench.{module}"), attribute)
    return found


def installed(found: type[Adapter]) -> str:
    """What is measured and its version."""
    return f"{found.distribution} {version(found.distribution)}" if found.distribution else "by hand"
