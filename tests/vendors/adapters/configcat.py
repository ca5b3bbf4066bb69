"""ConfigCat: its SDK, on a configuration file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import Any

from configcatclient import ConfigCatClient, ConfigCatOptions, PollingMode
from configcatclient.localfiledatasource import LocalFileFlagOverrides
from configcatclient.overridedatasource import OverrideBehaviour
from configcatclient.user import User

from tests.vendors.asking import Split, ends, ring

DISTRIBUTION = "configcat-client"


def splits() -> Iterator[Split]:
    """Percentage options, by the identifier and by an attribute."""
    yield _split("new-checkout", [25, 75], "Identifier")
    yield _split("new-checkout", [1, 98, 1], "Identifier")
    yield _split("größe-用户", [50, 0, 50], "Identifier")
    yield _split("new-checkout", [10, 90], "Account")


def _split(key: str, percentages: list[int], attribute: str) -> Split:
    names = [f"v{index}" for index in range(len(percentages))]
    options = [{"p": part, "v": {"s": name}} for part, name in zip(percentages, names, strict=True)]
    setting: dict[str, Any] = {"t": 1, "v": {"s": "default"}, "p": options}
    if attribute != "Identifier":
        setting["a"] = attribute
    client = _client({"p": {"s": "salt"}, "f": {key: setting}}, f"{key}.{attribute}.{len(names)}")

    def ask(unit: str) -> str:
        user = User(unit) if attribute == "Identifier" else User("other", custom={attribute: unit})
        return str(client.get_value(key, "none", user))

    arcs = ring(zip(ends(percentages), names, strict=True))
    return Split("configcat.v1", f"{'/'.join(map(str, percentages))} of {key} by {attribute}", key, arcs, ask)


def _client(config: dict[str, Any], name: str) -> ConfigCatClient:
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(config, file)
    overrides = LocalFileFlagOverrides(file_path=file.name, override_behaviour=OverrideBehaviour.LocalOnly)
    options = ConfigCatOptions(polling_mode=PollingMode.manual_poll(), flag_overrides=overrides)
    return ConfigCatClient.get(f"localhost-{name}", options)
