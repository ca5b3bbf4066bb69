"""Where the examples find a running flagd and its keys: the environment first, then the local credentials file.

Reads both and changes neither. An application of your own needs none of this: it is given one URL and one key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

DEFAULT_URL: Final = "http://127.0.0.1:8080"
DEFAULT_FOLDER: Final = "var"
CREDENTIALS_FILE: Final = "credentials.json"


class NoCredentials(Exception):
    """There is neither a variable nor a file that holds the key; the message says what to do."""


@dataclass(frozen=True)
class Installation:
    """One running service: its address, and what is known of its keys."""

    url: str
    file: Path
    sdk_key: str | None = field(default=None, repr=False)
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def server_key(self, environment: str) -> str:
        """The key an application of this environment reads its flags with. Raises NoCredentials."""
        key = self.sdk_key or self.credentials.get("server_keys", {}).get(environment)
        if not key:
            raise NoCredentials(
                f"no server key for {environment!r}: set FLAGD_SDK_KEY, or FLAGD_DATA_DIR to the data folder of a"
                f" running flagd ({self.file} does not have one); `make run` starts one here"
            )
        return str(key)

    def admin_key(self) -> str:
        """The key that may change flags. Raises NoCredentials."""
        key = self.credentials.get("admin_key")
        if not key:
            raise NoCredentials(
                f"no admin key: set FLAGD_DATA_DIR to the data folder of a running flagd ({self.file})"
            )
        return str(key)


def find(environ: Mapping[str, str] = os.environ) -> Installation:
    """The installation that FLAGD_URL, FLAGD_SDK_KEY and FLAGD_DATA_DIR speak of; by default the one of `make run`."""
    file = Path(environ.get("FLAGD_DATA_DIR") or DEFAULT_FOLDER) / CREDENTIALS_FILE
    credentials = read(file)
    url = environ.get("FLAGD_URL") or str(credentials.get("url") or DEFAULT_URL)
    return Installation(url.rstrip("/"), file, environ.get("FLAGD_SDK_KEY") or None, credentials)


def read(file: Path) -> dict[str, Any]:
    """What the credentials file holds; nothing where there is none. Raises NoCredentials where it cannot be read."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NoCredentials(f"{file} cannot be read: {error}") from error
    return found
