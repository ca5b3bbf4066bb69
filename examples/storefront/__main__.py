"""Starts the shop: `python -m examples.storefront`, by default on http://127.0.0.1:8090."""

from __future__ import annotations

import argparse
import os
import sys

import uvicorn

from examples import installation
from examples.storefront.app import create_app
from flagd_sdk import FlagClient

POLL_SECONDS = 1.0


def main() -> None:
    """Reads where flagd is, and serves until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m examples.storefront", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--environment", default=os.environ.get("FLAGD_ENVIRONMENT") or "production")
    options = parser.parse_args()
    try:
        place = installation.find()
        key = place.server_key(options.environment)
    except installation.NoCredentials as error:
        sys.exit(f"storefront: {error}")

    def new_client() -> FlagClient:
        return FlagClient(place.url, key, poll_interval=POLL_SECONDS)

    print(f"the shop is open: http://{options.host}:{options.port}   flags from {place.url}", flush=True)
    uvicorn.run(
        create_app(new_client, options.environment), host=options.host, port=options.port, log_level="warning"
    )


if __name__ == "__main__":
    main()
