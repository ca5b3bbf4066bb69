"""Flipt: the engine of its client SDKs, fed by a server of one document on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from flipt_client import FliptClient
from flipt_client.models import ClientOptions

from tests.vendors.asking import Split, positions_below, ring

DISTRIBUTION = "flipt-client"


def splits() -> Iterator[Split]:
    """Distributions of variants, and thresholds of boolean flags."""
    asked = [
        ("new-checkout", [50.0, 50.0], [500, 1_000]),
        ("thirds", [33.33, 33.33, 33.34], [333, 667, 1_000]),
        ("größe-用户", [0.1, 99.9], [1, 1_000]),
        ("with-none", [20.0, 0.0, 80.0], [200, 200, 1_000]),
    ]
    thresholds = [("new-checkout-b", 25.0), ("größe", 50.0), ("fraction", 25.5), ("most", 99.0)]
    flags = [_variant_flag(key, rollouts) for key, rollouts, _ in asked]
    flags += [_boolean_flag(key, percentage) for key, percentage in thresholds]
    client = _client({"namespace": {"key": "default"}, "flags": flags})

    def variant(key: str) -> Any:
        return lambda unit: str(client.evaluate_variant(key, unit).variant_key)

    def threshold(key: str) -> Any:
        return lambda unit: "in" if client.evaluate_boolean(key, unit).enabled else "out"

    for key, rollouts, reached in asked:
        arcs = ring((end, f"v{index}") for index, end in enumerate(reached))
        what = f"{'/'.join(map(str, rollouts))} of {key}"
        yield Split("flipt.variants.v1", what, key, arcs, variant(key))
    for key, percentage in thresholds:
        arcs = ring([(_end(percentage), "in"), (100, "out")])
        yield Split("flipt.threshold.v1", f"{percentage} % of {key}", key, arcs, threshold(key))


def _end(percentage: float) -> int:
    return positions_below(100, lambda position: position < percentage)


def _variant_flag(key: str, rollouts: list[float]) -> dict[str, Any]:
    parts = [
        {"variantKey": f"v{index}", "rollout": part, "variantAttachment": ""}
        for index, part in enumerate(rollouts)
    ]
    rule = {"segments": [], "segmentOperator": "AND_SEGMENT_OPERATOR", "distributions": parts}
    return {
        "key": key,
        "name": key,
        "type": "VARIANT_FLAG_TYPE",
        "enabled": True,
        "rules": [rule],
        "rollouts": [],
    }


def _boolean_flag(key: str, percentage: float) -> dict[str, Any]:
    rollout = {"threshold": {"percentage": percentage, "value": True}}
    return {
        "key": key,
        "name": key,
        "type": "BOOLEAN_FLAG_TYPE",
        "enabled": False,
        "rules": [],
        "rollouts": [rollout],
    }


def _client(document: dict[str, Any]) -> FliptClient:
    body = json.dumps(document).encode()

    class Handler(BaseHTTPRequestHandler):
        """Answers every request with the document."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return FliptClient(ClientOptions(url=f"http://127.0.0.1:{server.server_port}", update_interval=3_600))
