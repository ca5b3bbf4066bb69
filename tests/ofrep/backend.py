"""A real server with a flag for everything that providers are asked here, and one that lets nobody ask twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx

from tests.services.processes import FlagdServer

ROOT: Final = "/api/v1"
PROJECT: Final = f"{ROOT}/projects/ofrep"
BROKEN: Final = "broken"
UNKNOWN_OPERATOR: Final = "telepathy"

BETA: Final = {"attribute": "plan", "op": "equals", "values": ["beta"]}
RULE: Final = {
    "rules": {"beta": {"if": BETA, "serve": {"variant": "on"}}},
    "rule_order": ["beta"],
    "default": {"variant": "off"},
}


def _one(kind: str, value: object, **targeting: Any) -> dict[str, Any]:
    return {"flag": {"kind": kind, "variants": {"on": {"value": value}}}, "targeting": targeting}


def _boolean(**targeting: Any) -> dict[str, Any]:
    return {"flag": {"kind": "boolean"}, "targeting": targeting}


FLAGS: Final[dict[str, dict[str, Any]]] = {
    "yes": _boolean(),
    "no": _boolean(default={"variant": "off"}),
    "text": _one("string", "blue"),
    "empty": _one("string", ""),
    "count": _one("integer", 42),
    "zero": _one("integer", 0),
    "large": _one("integer", 2**53 - 1),
    "ratio": _one("float", 0.5),
    "whole": _one("float", 10.0),
    "object": _one("object", {"a": [1, {"b": None}], "c": "d"}),
    "rule": _boolean(**RULE),
    "nested": _boolean(
        **RULE | {"rules": {"beta": {"if": BETA | {"attribute": "account.plan"}, "serve": {"variant": "on"}}}}
    ),
    "split": _boolean(default={"split": {"weights": {"on": 100, "off": 0}}}),
    "off-value": _boolean(enabled=False, off_variant="off", default={"variant": "on"}),
    "off-none": _boolean(enabled=False, off_variant=None, default={"variant": "on"}),
    "broken": _boolean(**RULE),
    "hidden": {"flag": {"kind": "boolean", "client_visible": False}, "targeting": {}},
}


class Backend:
    """One server with the project `ofrep`, whose flags are on in its environment `live`."""

    def __init__(self, folder: Path, flags: Iterable[str] = FLAGS, **settings: str) -> None:
        self._database = folder / "flagd.db"
        settings |= {"DATABASE_URL": f"sqlite:///{self._database}"}
        self._server = FlagdServer(folder / "data", settings, ("--migrate", "--demo"))
        self._server.start()
        self.url = self._server.url
        admin = self._server.credentials()["admin_key"]
        self._http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {admin}"}, timeout=30)
        self._made(f"{ROOT}/projects", {"key": "ofrep", "name": "OFREP"})
        self._made(f"{PROJECT}/environments", {"key": "live", "name": "Live"})
        for key in flags:
            self._flag(key)
        self.key = self.new_key("server")
        self.wait_until_served()

    def stop(self) -> None:
        """Ends the server."""
        self._http.close()
        self._server.stop()

    def new_key(self, kind: str) -> str:
        """A key that nobody has asked with."""
        place = {"kind": kind, "name": "tests", "project": "ofrep", "environment": "live"}
        token: str = self._made(f"{ROOT}/keys", place)["token"]
        return token

    def change(self, path: str, patch: dict[str, Any]) -> None:
        """Changes something of the project, whatever it was before."""
        seen = self._http.get(f"{PROJECT}/{path}").raise_for_status()
        headers = {"If-Match": seen.headers["ETag"]}
        self._http.patch(f"{PROJECT}/{path}", json=patch, headers=headers).raise_for_status()

    def wait_until_served(self) -> None:
        """Returns when applications are answered according to every change so far."""
        self._server.child.wait_until(self._is_served)

    def _flag(self, key: str) -> None:
        parts = FLAGS[key]
        self._made(f"{PROJECT}/flags", {"key": key, "client_visible": True} | parts["flag"])
        on = {"enabled": True, "default": {"variant": "on"}} | parts["targeting"]
        self.change(f"flags/{key}/environments/live", on)
        if key == BROKEN:
            self._break()

    def _is_served(self) -> bool:
        """Whether applications are answered from where the environment stands."""
        stands = self._http.get(f"{PROJECT}/environments/live").raise_for_status().json()["revision"]
        headers = {"Authorization": f"Bearer {self.key}"}
        served = self._http.get("/sdk/v1/snapshot", headers=headers)
        return served.status_code == httpx.codes.OK and served.json()["revision"] >= stands

    def _made(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        created: dict[str, Any] = self._http.post(path, json=document).raise_for_status().json()
        return created

    def _break(self) -> None:
        """Gives the flag what only a newer release would have stored: an operator that nobody here knows."""
        with closing(sqlite3.connect(self._database, timeout=15)) as connection, connection:
            connection.execute(
                "UPDATE targetings SET rules = replace(rules, 'equals', ?)"
                " WHERE flag_id = (SELECT id FROM flags WHERE key = ?)",
                (UNKNOWN_OPERATOR, BROKEN),
            )
        self.change(f"flags/{BROKEN}", {"description": "compiled anew"})
