"""Who asks: what a request turns into once its credentials were checked. Checks none itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flagd.access.model import ApiKey, KeyKind, User
from flagd.access.permissions import PrincipalKind
from flagd.infra.changes import Actor

KIND_OF_KEY: Final[dict[KeyKind, PrincipalKind]] = {
    "admin": "admin_key",
    "server": "server_key",
    "client": "client_key",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `project_id` and `environment_id` limit where they may do anything; None is everywhere."""

    kind: PrincipalKind
    id: str
    name: str
    project_id: str | None = None
    environment_id: str | None = None

    @property
    def actor(self) -> Actor:
        """The principal as the change log names them."""
        return Actor("user" if self.kind == "user" else "key", self.id, self.name)


@dataclass(frozen=True, slots=True)
class SdkPrincipal:
    """An application: a server or client key and the one environment it belongs to."""

    principal: Principal
    environment_id: str
    expires_at: datetime | None

    @property
    def is_client(self) -> bool:
        """Whether the key is in a browser or a phone, where anybody can read it."""
        return self.principal.kind == "client_key"

    @property
    def scope(self) -> str:
        """What the key may see, as text: the same for keys that are answered alike."""
        return f"{self.principal.kind}:{self.environment_id}"


def of_key(key: ApiKey) -> Principal:
    """Who asks when this key is shown."""
    return Principal(KIND_OF_KEY[key.kind], key.id, key.name, key.project_id, key.environment_id)


def of_user(user: User) -> Principal:
    """Who asks when this user is signed in."""
    return Principal("user", user.id, user.name or user.email)
