"""A project with two environments, and a short way to speak to its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

ROOT: Final = "/api/v1"
BOOLEAN: Final = {"key": "checkout", "kind": "boolean"}
COLOURS: Final = {
    "key": "colour",
    "kind": "string",
    "variants": {name: {"value": name} for name in ("blue", "green", "red")},
}


class Shop:
    """Speaks to the API about the project `shop`, whose environments are `development` and `production`."""

    def __init__(self, client: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
        self._client = client
        self._headers = dict(headers)
        self.path = f"{ROOT}/projects/shop"

    async def open(self) -> Shop:
        """Creates the project and its environments."""
        await self.made(f"{ROOT}/projects", {"key": "shop", "name": "Shop"})
        for key in ("development", "production"):
            await self.made(f"{self.path}/environments", {"key": key, "name": key.title()})
        return self

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request with the admin's credentials; a path without a leading slash is one in the project."""
        headers = self._headers | options.pop("headers", {})
        where = path if path.startswith("/") else f"{self.path}/{path}"
        return await self._client.request(method, where, headers=headers, **options)

    async def get(self, path: str) -> Any:
        """What is there."""
        response = await self.send("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    async def made(self, path: str, document: Any) -> Any:
        """What was created."""
        response = await self.send("POST", path, json=document)
        assert response.status_code == 201, response.text
        return response.json()

    async def flag(self, **document: Any) -> Any:
        """A new flag; a boolean one called checkout unless it is said otherwise."""
        return await self.made("flags", BOOLEAN | document)

    async def segment(self, key: str, **document: Any) -> Any:
        """A new segment."""
        return await self.made("segments", {"key": key, **document})

    async def write(
        self, path: str, patch: Any = None, *, version: int | None = None, **options: Any
    ) -> httpx.Response:
        """A patch (or, where the path ends in a verb, a command) based on what is there now, or on `version`."""
        target, _, verb = path.rpartition("/")
        command = verb in ("archive", "restore")
        if version is None:
            version = (await self.get(target if command else path))["version"]
        headers = {"If-Match": f'"v{version}"'} | options.pop("headers", {})
        if command:
            return await self.send("POST", path, headers=headers)
        return await self.send("PATCH", path, json=patch, headers=headers, **options)

    async def wrote(self, path: str, patch: Any = None) -> Any:
        """What a write that succeeded answered."""
        response = await self.write(path, patch)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, path: str, patch: Any = None, status: int = 422) -> dict[str, str]:
        """What a write that was refused said, by pointer; and that it left nothing behind."""
        before = await self.state()
        response = await self.write(path, patch)
        assert response.status_code == status, response.text
        assert await self.state() == before
        return self.problems(response)

    @staticmethod
    def problems(response: httpx.Response) -> dict[str, str]:
        """What is wrong, by pointer or parameter; the whole detail by "detail"."""
        assert response.headers["content-type"] == "application/problem+json"
        body = response.json()
        told = {
            error.get("pointer", error.get("parameter")): error["detail"] for error in body.get("errors", ())
        }
        return {"detail": body["detail"], **told}

    async def state(self) -> Any:
        """Everything the project holds, and how many changes there were."""
        flags = (await self.get("flags?archived=true"))["items"]
        targetings = [
            await self.get(f"flags/{flag['key']}/environments/{environment}")
            for flag in flags
            for environment in ("development", "production")
        ]
        return (
            flags,
            targetings,
            await self.get("segments?archived=true"),
            await self.get(f"{ROOT}/changes?limit=100"),
        )

    async def revisions(self) -> tuple[int, int]:
        """The revisions of development and production."""
        one = await self.get("environments/development")
        other = await self.get("environments/production")
        return one["revision"], other["revision"]


def targeting_of(flag: str, environment: str = "production") -> str:
    """The path of a targeting."""
    return f"flags/{flag}/environments/{environment}"
