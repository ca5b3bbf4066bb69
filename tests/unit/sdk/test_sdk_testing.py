"""The in-memory client for the tests of applications, and the functions of the package."""

from __future__ import annotations

import pytest

import flagd_sdk
from flagd_sdk.testing import FakeFlags, snapshot_of


def test_override_lasts_for_its_block() -> None:
    """Overrides add and replace flags inside the block, nest, and leave no trace, also when the block raises."""
    flags = FakeFlags({"flag": True, "color": "blue"})
    with flags.override({"new-checkout": True}, color="red"):
        assert flags.get_string("color", default="") == "red"
        assert flags.is_enabled("new-checkout") is True
        with flags.override(color="green"):
            assert flags.get_string("color", default="") == "green"
        assert flags.get_string("color", default="") == "red"
    assert flags.get_string("color", default="") == "blue"
    assert flags.is_enabled("new-checkout") is False
    with pytest.raises(ZeroDivisionError), flags.override(flag=False):
        raise ZeroDivisionError
    assert flags.is_enabled("flag") is True


def test_override_may_make_a_flag_answer_the_default() -> None:
    """`None` switches a flag off for the time of the block."""
    flags = FakeFlags({"flag": True})
    with flags.override(flag=None):
        assert flags.is_enabled("flag") is False
    assert flags.is_enabled("flag") is True


def test_flags_can_be_set_and_removed() -> None:
    """Flags change from one call to the next, and each change is a revision."""
    flags = FakeFlags()
    before = flags.revision
    flags.set("flag", True)
    assert (flags.is_enabled("flag"), flags.revision) == (True, before + 1)
    flags.remove("flag")
    assert flags.is_enabled("flag") is False


def test_an_object_changed_in_place_is_taken_when_it_is_set() -> None:
    """Values are copied: changing one changes no flag, setting it again does, and tells of it."""
    theme: dict[str, object] = {"dark": False, "sizes": [1]}
    flags = FakeFlags({"theme": theme})
    told: list[frozenset[str]] = []
    flags.on_change(lambda change: told.append(change.flags))
    theme["dark"] = True
    theme["sizes"] = [2]
    assert flags.get_object("theme", default={}) == {"dark": False, "sizes": [1]}
    flags.set("theme", theme)
    assert flags.get_object("theme", default={}) == {"dark": True, "sizes": [2]}
    with flags.override(other=True):
        theme["dark"] = False
    flags.set("other", False)
    assert flags.get_object("theme", default={}) == {"dark": True, "sizes": [2]}
    assert told == [{"theme"}, {"other"}, {"other"}, {"other"}]


def test_a_document_does_not_share_its_values() -> None:
    """What snapshot_of makes stays what it is."""
    sizes = [1, [2]]
    document = snapshot_of({"sizes": sizes})
    sizes[1] = 3
    flags = document["flags"]
    assert isinstance(flags, dict)
    assert flags["sizes"]["variants"] == {"value": [1, [2]]}


def test_a_value_that_contains_itself_is_refused() -> None:
    """A value without an end is an error like any other that no flag can have."""
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(flagd_sdk.ConfigurationError, match="endless"):
        FakeFlags({"endless": endless})


def test_fake_flags_count_as_a_client_does() -> None:
    """Code that reports counts can be tested: each evaluation once, by flag and variant, through changes."""
    flags = FakeFlags({"flag": True, "off": None})
    flags.is_enabled("flag")
    flags.set("flag", False)
    flags.is_enabled("flag")
    flags.get_string("off", default="")
    flags.evaluate_all()
    assert flags.take_counts() == {("flag", "value"): 2, ("off", None): 1}
    assert flags.take_counts() == {}
    assert flagd_sdk.FlagReader().take_counts() == {}


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"bytes", (1, 2)])
def test_values_no_flag_can_have_are_refused(value: object) -> None:
    """A typo in a test fails there, and not as a default somewhere else."""
    with pytest.raises(flagd_sdk.ConfigurationError):
        FakeFlags({"flag": value})


def test_fake_flags_stand_in_for_a_client() -> None:
    """What applications do with a client works: ready, refresh, close, with."""
    with FakeFlags({"flag": True}) as flags:
        assert flags.ready(0.0)
        assert flags.refresh()
    assert flags.is_enabled("flag") is True


def test_package_functions_read_the_fake() -> None:
    """Inside `as_default` every function of the package reads the fake flags, afterwards what it read before."""
    values = {"flag": True, "color": "blue", "limit": 3, "ratio": 0.5, "theme": {"a": 1}}
    with FakeFlags(values).as_default():
        assert flagd_sdk.is_enabled("flag", "user")
        assert flagd_sdk.get_boolean("flag", default=False)
        assert flagd_sdk.get_string("color", default="") == "blue"
        assert flagd_sdk.get_int("limit", default=0) == 3
        assert flagd_sdk.get_float("ratio", default=0.0) == 0.5
        assert flagd_sdk.get_object("theme", default={}) == {"a": 1}
        assert flagd_sdk.evaluate("flag").value is True
        assert flagd_sdk.ready(0.0)
    assert flagd_sdk.is_enabled("flag") is False
    assert flagd_sdk.evaluate("flag").error_code is flagd_sdk.ErrorCode.PROVIDER_NOT_READY
    assert flagd_sdk.ready(0.0) is False


def test_configuring_again_closes_the_client_before() -> None:
    """There is one default client, and a replaced one stops polling."""
    first = flagd_sdk.configure("http://127.0.0.1:1", "key")
    second = flagd_sdk.configure("http://127.0.0.1:1", "key", poll_interval=5.0)
    try:
        assert (first.status.state, second.status.state) == ("CLOSED", "NOT_READY")
        flagd_sdk.close()
        assert second.status.state == "CLOSED"
    finally:
        flagd_sdk.use(flagd_sdk.FlagReader())


def test_forgotten_configure_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Reading flags without configure() answers defaults and says, once, what is missing."""
    before = flagd_sdk.use(flagd_sdk._Unconfigured())
    try:
        assert [flagd_sdk.is_enabled("flag", "user", True) for _ in range(3)] == [True] * 3
    finally:
        flagd_sdk.use(before)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "configure()" in caplog.text
