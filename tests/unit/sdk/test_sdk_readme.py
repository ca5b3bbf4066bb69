"""The README of the SDK says what is so."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import flagd_sdk
from flagd_sdk import FlagClient, HttpOptions, Status

README = (Path(__file__).parents[3] / "sdk" / "README.md").read_text(encoding="utf-8")


def test_every_option_is_described() -> None:
    """Each argument of FlagClient and each field of HttpOptions stands in the table of options."""
    options = [name for name in inspect.signature(FlagClient).parameters if name != "self"]
    options += [f"HttpOptions.{name}" for name in HttpOptions._fields]
    assert [name for name in options if f"\n| `{name}` |" not in README] == []


def test_every_public_member_is_described() -> None:
    """Each public member of FlagClient and field of Status is named; the fork hook is for us."""
    members = [name for name in dir(FlagClient) if not name.startswith("_")]
    named = set(re.findall(r"`(\w+)", README))
    internal = {"after_fork_in_child", "take"}
    assert [name for name in (*members, *Status._fields) if name not in named | internal] == []


def test_signatures_are_the_real_ones() -> None:
    """The table of calls has the parameters of the code, in its order."""
    for name, written in re.findall(r"^\| `(\w+)\((flag, .*?)\)` \|", README, flags=re.MULTILINE):
        real = list(inspect.signature(getattr(flagd_sdk, name)).parameters.values())
        assert [part.split("=")[0] for part in written.split(", ") if part != "*"] == [
            each.name for each in real
        ]
