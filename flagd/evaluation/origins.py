"""Which web pages may ask, in memory: the origins each environment allows, and what browsers are told of it (CORS).

Browsers ask before they send: a preflight carries no key, so it is answered by what any environment allows; the
answer itself can be read by the page only where the key's own environment allows its origin. Credentials of the
browser (cookies) are never asked for. No request looks into the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from flagd.projects.model import Environment
from flagd.projects.origins import ANY_ORIGIN

METHODS: Final = "POST, OPTIONS"

PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "content-type, authorization, x-api-key, if-none-match",
    "Access-Control-Max-Age": "7200",  # the longest that Chromium keeps it
}

EXPOSED: Final = "ETag, Retry-After, RateLimit, RateLimit-Policy"


class ClientOrigins:
    """Follows the database with the snapshots: what it holds is as it was at the publisher's last look."""

    def __init__(self) -> None:
        self._by_environment: Mapping[str, frozenset[str]] = {}
        self._anywhere: frozenset[str] = frozenset()

    def hear(self, environments: Iterable[Environment]) -> None:
        """Holds what all the environments allow now; archived ones are served, too."""
        self._by_environment = {
            environment.id: frozenset(environment.client_origins)
            for environment in environments
            if environment.client_origins
        }
        self._anywhere = frozenset().union(*self._by_environment.values())

    def allows(self, origin: str, environment_id: str | None) -> bool:
        """Whether the page may ask: in this environment, or, where it is not known which is meant, in any."""
        allowed = (
            self._anywhere
            if environment_id is None
            else self._by_environment.get(environment_id, frozenset())
        )
        return origin in allowed or ANY_ORIGIN in allowed


def readable_by(origin: str) -> dict[str, str]:
    """The headers with which a browser hands an answer to a page of this origin."""
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}
