"""An operator of a running server, for tests: the few REST calls they need, each with the version it was based on."""

from __future__ import annotations

from typing import Any

import httpx

from tests.services.processes import FlagdServer


class Operator:
    """Edits the demo project of one server with its first admin key."""

    def __init__(self, server: FlagdServer, admin_key: str | None = None) -> None:
        key = admin_key or server.credentials()["admin_key"]
        self.http = httpx.Client(
            base_url=f"{server.url}/api/v1/projects/demo",
            headers={"Authorization": f"Bearer {key}"},
            timeout=15,
        )

    def targeting(self, flag: str, environment: str = "production") -> httpx.Response:
        """How a flag answers."""
        return self.http.get(f"/flags/{flag}/environments/{environment}").raise_for_status()

    def patch(self, flag: str, patch: dict[str, Any], environment: str = "production") -> dict[str, Any]:
        """Changes how a flag answers, whatever it was before."""
        seen = self.targeting(flag, environment)
        answer = self.http.patch(
            f"/flags/{flag}/environments/{environment}",
            json=patch,
            headers={"If-Match": seen.headers["etag"]},
        )
        body: dict[str, Any] = answer.raise_for_status().json()
        return body

    def roll_out(self, flag: str, percent: float, salt: str | None = None) -> dict[str, Any]:
        """Serves `on` to a share of everybody; `salt` makes it the same users in every run."""
        split: dict[str, Any] = {"weights": {"on": percent, "off": 100 - percent}}
        if salt is not None:
            split["salt"] = salt
        return self.patch(flag, {"enabled": True, "default": {"split": split}})

    def close(self) -> None:
        """Closes the connection."""
        self.http.close()
