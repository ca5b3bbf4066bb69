"""A shop whose flags are asked for over OFREP, in the test's own process."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.services.application import RunningApp

BULK: Final = "/ofrep/v1/evaluate/flags"
PROJECT: Final = "/api/v1/projects/shop"
ENVIRONMENTS: Final = ("live", "test")

SPLIT: Final = {"default": {"split": {"weights": {"on": 50, "off": 50}}}}
BETA: Final = {
    "rules": {
        "beta": {
            "if": {"attribute": "plan", "op": "equals", "values": ["beta"]},
            "serve": {"variant": "on"},
        }
    },
    "rule_order": ["beta"],
    "default": {"variant": "off"},
}
# key: how the flag is, and how it answers where it is not simply on.
FLAGS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "beta": ({"kind": "boolean"}, BETA),
    "hidden": ({"kind": "boolean", "client_visible": False}, {}),
    "off-none": ({"kind": "boolean"}, {"enabled": False, "off_variant": None}),
    "off-value": ({"kind": "boolean"}, {"enabled": False, "off_variant": "off"}),
    "ratio": ({"kind": "float", "variants": {"on": {"value": 10}}}, {}),
    "split": ({"kind": "boolean"}, SPLIT),
    "words": ({"kind": "object", "variants": {"on": {"value": {"a": [1, {"b": None}]}}}}, {}),
}


class Asking:
    """Sets the shop up with an admin's key, and asks with those of applications."""

    def __init__(self, running: RunningApp) -> None:
        self.app = running.app
        self.http = running.client
        self.admin = running.admin_headers
        self.keys: dict[tuple[str, str], str] = {}

    async def open(self) -> Asking:
        """Makes the project, its environments, a server and a client key for each, and the flags."""
        await self._made("/api/v1/projects", {"key": "shop", "name": "Shop"})
        for environment in ENVIRONMENTS:
            await self._made(f"{PROJECT}/environments", {"key": environment, "name": environment})
            for kind in ("server", "client"):
                place = {"kind": kind, "name": kind, "project": "shop", "environment": environment}
                self.keys[environment, kind] = (await self._made("/api/v1/keys", place))["token"]
        for key, (flag, targeting) in FLAGS.items():
            await self._made(f"{PROJECT}/flags", {"key": key, "client_visible": True} | flag)
            on = {"enabled": True, "default": {"variant": "on"}} | targeting
            await self.change(f"flags/{key}/environments/live", on)
        return self

    async def change(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Changes something of the project, and waits until applications are answered accordingly."""
        seen = await self.http.get(f"{PROJECT}/{path}", headers=self.admin)
        headers = self.admin | {"If-Match": seen.headers["ETag"]}
        changed = await self.http.patch(f"{PROJECT}/{path}", json=patch, headers=headers)
        assert changed.status_code == 200, changed.text
        await self.app.state.resources.publisher.refresh()
        body: dict[str, Any] = changed.json()
        return body

    async def ask(
        self,
        flag: str = "",
        context: Any = None,
        *,
        path: str | None = None,
        kind: str = "client",
        environment: str = "live",
        **options: Any,
    ) -> httpx.Response:
        """The answer for one flag, or for all of them; `content` sends another body, `key` shows another key."""
        key = options.pop("key", self.keys[environment, kind])
        headers = ({"Authorization": f"Bearer {key}"} if key else {}) | options.pop("headers", {})
        address = path if path is not None else f"{BULK}/{flag}" if flag else BULK
        if "content" not in options:
            options["json"] = {"context": {} if context is None else context}
        return await self.http.post(address, headers=headers, **options)

    async def _made(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        created = await self.http.post(path, json=document, headers=self.admin)
        assert created.status_code == 201, created.text
        body: dict[str, Any] = created.json()
        return body
