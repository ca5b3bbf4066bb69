"""A real server with the flags of OpenFeature's provider scenarios, and what handlers of events saw."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from openfeature.event import EventDetails, ProviderEvent

from flagd_sdk.config import NAME
from tests.contract.sdk.waiting import eventually
from tests.e2e.operator import Operator
from tests.services.processes import FlagdServer

TARGETED: Final = "5c3d8535-f81a-4478-a6d3-afaa4d51199e"
LARGEST: Final = 2**53 - 1
WAIT: Final = 60.0
OBJECT: Final[dict[str, Any]] = {
    "showImages": True,
    "title": "Check out these pics!",
    "imagesPerPage": 100,
    "nested": {"ratio": 0.5, "none": None, "list": [1, "two", False]},
}

# Each serves its variant `value` to everybody, in production.
CONSTANTS: Final[dict[str, tuple[str, Any]]] = {
    "string-flag": ("string", "hi"),
    "integer-flag": ("integer", 10),
    "float-flag": ("float", 0.5),
    "object-flag": ("object", OBJECT),
    "string-zero-flag": ("string", ""),
    "integer-zero-flag": ("integer", 0),
    "float-zero-flag": ("float", 0.0),
    "object-zero-flag": ("object", {}),
    "integral-float-flag": ("float", 10.0),
    "huge-float-flag": ("float", 1e300),
    "large-integer-flag": ("integer", 2147483647),
    "huge-integer-flag": ("integer", LARGEST),
    "negative-integer-flag": ("integer", -LARGEST),
}
# These are off. None: no off variant, the caller's default is what is served.
DISABLED: Final[dict[str, tuple[str, Any]]] = {
    "disabled-boolean-flag": ("boolean", {"on": True, "off": False}),
    "disabled-string-flag": ("string", {"value": "secret"}),
    "disabled-integer-flag": ("integer", {"value": 1}),
    "disabled-float-flag": ("float", {"value": 1.5}),
    "disabled-object-flag": ("object", {"value": {"a": 1}}),
}


class Backend:
    """One running server and its operator."""

    def __init__(self, server: FlagdServer) -> None:
        self.server = server
        self.operator = Operator(server)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def key(self) -> str:
        """The server key of the environment that the scenarios read from."""
        key: str = self.server.credentials()["server_keys"]["production"]
        return key

    @property
    def client_key(self) -> str:
        """A key that may not read snapshots."""
        key: str = self.server.credentials()["client_keys"]["production"]
        return key

    def close(self) -> None:
        """Close the operator's connection; the server goes on."""
        self.operator.close()

    def seed(self) -> None:
        """Make the flags."""
        for flag, (kind, value) in CONSTANTS.items():
            self.create(flag, kind, {"value": value})
            self.operator.patch(flag, {"enabled": True, "default": {"variant": "value"}})
        for flag, (kind, variants) in DISABLED.items():
            self.create(flag, kind, variants)
            self.operator.patch(flag, {"enabled": False, "off_variant": None})
        self._seed_what_depends()

    def create(self, flag: str, kind: str, variants: dict[str, Any]) -> None:
        """A flag that is off everywhere."""
        document = {
            "key": flag,
            "kind": kind,
            "variants": {name: {"value": value} for name, value in variants.items()},
        }
        made = self.operator.http.post("/flags", json=document)
        assert made.is_success, made.text

    def _seed_what_depends(self) -> None:
        both = {"on": True, "off": False}
        self.create("boolean-flag", "boolean", both)
        self.operator.patch("boolean-flag", {"enabled": True, "default": {"variant": "on"}})
        self.create("boolean-zero-flag", "boolean", both)
        self.operator.patch("boolean-zero-flag", {"enabled": True, "default": {"variant": "off"}})
        self.create("off-flag", "boolean", both)
        self.operator.patch("off-flag", {"enabled": False, "off_variant": "off"})
        self.create("split-flag", "boolean", both)
        self.operator.roll_out("split-flag", 50, "of these tests")
        self.create("targeting-key-flag", "string", {"hit": "hit", "miss": "miss"})
        rule = {"attribute": "targetingKey", "op": "equals", "values": [TARGETED]}
        self._rule("targeting-key-flag", rule, "hit", "miss")
        self.create("email-flag", "string", {"internal": "INTERNAL", "external": "EXTERNAL"})
        rule = {"attribute": "customer.email", "op": "ends_with", "values": ["@example.com"]}
        self._rule("email-flag", rule, "internal", "external")
        self.create("date-flag", "boolean", both)
        self._rule("date-flag", {"attribute": "born", "op": "before", "values": ["2000-01-01"]}, "on", "off")
        self.create("changing-flag", "string", {"foo": "foo", "bar": "bar"})
        self.operator.patch("changing-flag", {"enabled": True, "default": {"variant": "foo"}})
        self.create("depending-flag", "boolean", both)
        wanted = {"changing-flag": ["bar"]}
        self.operator.patch("depending-flag", {"enabled": True, "prerequisites": wanted})

    def _rule(self, flag: str, condition: dict[str, Any], variant: str, otherwise: str) -> None:
        rules = {"only": {"if": condition, "serve": {"variant": variant}}}
        self.operator.patch(
            flag,
            {"enabled": True, "default": {"variant": otherwise}, "rules": rules, "rule_order": ["only"]},
        )

    def change(self) -> str:
        """Give `changing-flag` its other value; returns that."""
        now = self.operator.targeting("changing-flag").json()["default"]["variant"]
        other = {"foo": "bar", "bar": "foo"}[now]
        self.operator.patch("changing-flag", {"default": {"variant": other}})
        return other


@dataclass
class Seen:
    """The events of our providers that handlers were run for, in order. OpenFeature has a provider of its own, too."""

    events: list[tuple[ProviderEvent, EventDetails]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, add_handler: Callable[[ProviderEvent, Callable[[EventDetails], None]], None]) -> None:
        """Have a handler for each kind of event added: `seen.watch(client.add_handler)`."""
        for event in ProviderEvent:
            add_handler(event, self._handler(event))

    def _handler(self, event: ProviderEvent) -> Callable[[EventDetails], None]:
        def handle(details: EventDetails) -> None:
            with self.lock:
                if details.provider_name == NAME:
                    self.events.append((event, details))

        return handle

    def of(self, event: ProviderEvent) -> list[EventDetails]:
        with self.lock:
            return [details for each, details in self.events if each is event]

    def kinds(self) -> list[ProviderEvent]:
        with self.lock:
            return [event for event, _ in self.events]

    def wait_for(self, event: ProviderEvent, times: int = 1) -> EventDetails:
        """The details of the event when it has come so often."""
        assert eventually(lambda: len(self.of(event)) >= times, WAIT), f"{event} in {self.kinds()}"
        return self.of(event)[times - 1]
