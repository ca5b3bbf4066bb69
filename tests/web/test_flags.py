"""The list of flags, the switch, the percentage, and what is shown when saving fails."""

from __future__ import annotations

import pytest

from tests.web.visits import EMAIL, FLAGS, PASSWORD, Site, Visit, form_to, is_on

STALE = 412
INVALID = 422
BAD_PERCENTAGES = {
    "120": "between 0 and 100",
    "-1": "between 0 and 100",
    "12.3456": "3 decimals",
    "a lot": "Enter a number",
    "12,5": "Enter a number",
    "NaN": "Enter a number",
    "1e1": "Enter a number",
    "": "Enter a number",
    "٢٠": "Enter a number",
}


async def test_the_start_page_leads_to_the_first_environment(visit: Visit) -> None:
    """/ ends at the flags of the first project's first environment, whose tab is marked."""
    page = await visit.open("/")

    assert visit.path == "/projects/shop/environments/development/flags"
    tabs = page.one("nav", **{"aria-label": "Environments"}).all("a")
    assert [(tab.text, tab.get("aria-current")) for tab in tabs] == [
        ("Development", "page"),
        ("Production", None),
    ]


async def test_each_flag_says_what_it_serves(site: Site, visit: Visit) -> None:
    """A row has the name, the key, the kind, the state of the switch, and the default in words and as a bar."""
    await site.target(
        "colour", {"enabled": True, "default": {"split": {"weights": {"green": 50, "blue": 30, "red": 20}}}}
    )
    await visit.open(FLAGS)

    shipping, checkout, colour = (visit.row(key) for key in ("shipping", "checkout", "colour"))
    assert shipping.one("h2").text == "Free shipping"
    assert shipping.one("code").text == "shipping"
    assert shipping.one("span", class_="badge").text == "boolean"
    assert (is_on(shipping), is_on(checkout)) == (True, False)
    assert shipping.one("p", class_="row-words").text == "20 % on / 80 % off"
    assert checkout.one("p", class_="row-words").text == "off for everyone · once on: on for everyone"
    assert [float(rect["width"]) for rect in colour.all("rect")] == [50, 30, 20]
    assert [float(rect["x"]) for rect in colour.all("rect")] == [0, 50, 80]
    assert [item.text for item in colour.one("ul", class_="legend").all("li")] == [
        "green 50 %",
        "blue 30 %",
        "red 20 %",
    ]
    assert not colour.all("input", name="percent")


async def test_rules_and_targets_are_counted(site: Site, visit: Visit) -> None:
    """Whoever reads a default is told that others are served before it."""
    rule = {"if": {"attribute": "plan", "op": "in", "values": ["beta"]}, "serve": {"variant": "on"}}
    await site.target("shipping", {"rules": {"r1": rule}, "targets": {"on": ["ada", "grace"]}})
    await visit.open(FLAGS)

    words = visit.row("shipping").one("p", class_="row-words").text
    assert words == "2 targets and 1 rule, then 20 % on / 80 % off"


async def test_the_switch_switches_in_this_environment_only(any_site: Site) -> None:
    """One press turns the flag on here, says so once, and leaves the other environment alone."""
    visit = any_site.visit()
    await visit.sign_in()
    await visit.open(FLAGS)
    page = await visit.send(visit.switch("checkout"))

    assert visit.answer.history[-1].status_code == 303
    assert visit.answer.history[-1].headers["location"] == f"{FLAGS}#flag-checkout"
    assert is_on(visit.row("checkout"))
    flash = page.one(class_="toast").text
    assert flash.startswith("checkout: off → on in production; revision ")
    assert (await any_site.targeting("checkout"))["enabled"] is True
    assert (await any_site.targeting("checkout", "development"))["enabled"] is False
    assert not (await visit.open(FLAGS)).all(class_="toast")
    await visit.client.aclose()


async def test_a_percentage_is_saved_and_the_move_is_said(any_site: Site) -> None:
    """20 % to 45.125 %: the weights are exact, and the page says who moves and which revision it is."""
    visit = any_site.visit()
    await visit.sign_in()
    await visit.open(FLAGS)
    assert visit.rollout("shipping").fields["percent"] == "20"
    page = await visit.send(visit.rollout("shipping"), percent="45.125")

    targeting = await any_site.targeting("shipping")
    assert targeting["default"]["split"]["weights"] == {"on": 45.125, "off": 54.875}
    expected = (
        f"shipping: 20 % → 45.125 % in production; 25.125 % of users move; revision {targeting['revision']}"
    )
    assert page.one(class_="toast").one("p").text == expected
    assert page.one("title").text.startswith(expected)
    assert visit.rollout("shipping").fields["percent"] == "45.125"
    await visit.client.aclose()


@pytest.mark.parametrize("percent", ["0", "100"])
async def test_both_ends_of_the_percentage_can_be_set_and_left_again(visit: Visit, percent: str) -> None:
    """0 % and 100 % keep the field, and 20 % is possible again afterwards."""
    await visit.send(visit.rollout("shipping"), percent=percent)
    assert visit.rollout("shipping").fields["percent"] == percent

    await visit.send(visit.rollout("shipping"), percent="20")
    assert visit.row("shipping").one("p", class_="row-words").text == "20 % on / 80 % off"


async def test_the_percentage_of_a_flag_that_is_off_waits(visit: Visit) -> None:
    """It can be set before the flag is switched on, and the page says that nobody moves yet."""
    page = await visit.send(visit.rollout("checkout"), percent="5")

    assert "95 % of users will move once it is on" in page.one(class_="toast").text
    words = visit.row("checkout").one("p", class_="row-words").text
    assert words == "off for everyone · once on: 5 % on / 95 % off"


async def test_saving_what_is_there_already_changes_nothing(site: Site, visit: Visit) -> None:
    """No revision is made, and the page says why nothing happened."""
    before = await site.targeting("shipping")
    page = await visit.send(visit.rollout("shipping"), percent="20.000")

    assert page.one(class_="toast").one("p").text == "shipping in production was so already; nothing changed"
    assert await site.targeting("shipping") == before


async def test_a_bad_percentage_keeps_what_was_typed(site: Site, visit: Visit) -> None:
    """The error stands beside the field, which it describes; nothing is saved and nothing typed is lost."""
    before = await site.targeting("shipping")
    for typed, problem in BAD_PERCENTAGES.items():
        page = await visit.send(visit.rollout("shipping"), percent=typed)

        assert visit.answer.status_code == INVALID
        field = visit.row("shipping").one("input", name="percent")
        assert field["value"] == typed
        assert field["aria-invalid"] == "true"
        error = page.one(id=field["aria-describedby"])
        assert error["role"] == "alert"
        assert problem in error.text
        assert page.one("title").text.startswith("Not saved: ")
    assert await site.targeting("shipping") == before


async def test_a_percentage_can_be_corrected_where_it_was_refused(site: Site, visit: Visit) -> None:
    """The form of the refused page saves."""
    await visit.send(visit.rollout("shipping"), percent="120")
    await visit.send(visit.rollout("shipping"), percent="12")

    assert (await site.targeting("shipping"))["default"]["split"]["weights"]["on"] == 12


async def test_a_stale_percentage_shows_both(any_site: Site) -> None:
    """Whoever was overtaken sees by whom, what that changed, how it is now and what of theirs is not saved."""
    visit = any_site.visit()
    await visit.sign_in()
    await visit.open(FLAGS)
    await any_site.target("shipping", {"default": {"split": {"weights": {"on": 30, "off": 70}}}})
    await visit.send(visit.rollout("shipping"), percent="25")

    assert visit.answer.status_code == STALE
    conflict = visit.row("shipping").one(class_="conflict")
    assert conflict.one("h3").text == "tests changed shipping just now, while this page was open"
    told = dict(
        zip(
            (term.text for term in conflict.all("dt")),
            (item.text for item in conflict.all("dd")),
            strict=True,
        )
    )
    assert told == {
        "Changed": "20 % → 30 % on",
        "Now": "switched on: 30 % on / 70 % off",
        "Yours, not saved": "25 %",
    }
    assert (await any_site.targeting("shipping"))["default"]["split"]["weights"]["on"] == 30

    await visit.send(form_to(conflict, "/shipping/rollout"))
    assert (await any_site.targeting("shipping"))["default"]["split"]["weights"]["on"] == 25
    await visit.client.aclose()


async def test_a_stale_switch_can_be_repeated_or_left(site: Site, visit: Visit) -> None:
    """The conflict offers to switch anyway, and a way back to what is there now."""
    await site.target("shipping", {"default": {"variant": "on"}})
    await visit.send(visit.switch("shipping"))

    assert visit.answer.status_code == STALE
    assert (await site.targeting("shipping"))["enabled"] is True
    conflict = visit.row("shipping").one(class_="conflict")
    assert conflict.one("button").text == "Switch off anyway"
    assert conflict.one("a")["href"] == f"{FLAGS}#flag-shipping"
    await visit.send(form_to(conflict, "/shipping/enabled"))
    assert (await site.targeting("shipping"))["enabled"] is False


async def test_a_switch_that_is_refused_is_said_so(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps a flag from being switched is said of the switch, and the percentage's field keeps its number."""
    from flagd.errors import Invalid, Problem
    from flagd.flags import targeting_service

    async def refuse(*_: object) -> None:
        raise Invalid(Problem("/enabled", "the environment is full"))

    monkeypatch.setattr(targeting_service, "set_enabled", refuse)
    await visit.send(visit.switch("shipping"))
    row = visit.row("shipping")

    assert visit.answer.status_code == 422
    assert row.one(role="alert").text == "It cannot be switched off: the environment is full."
    assert row.one("input", name="percent")["value"] == "20"


async def test_being_overtaken_by_oneself_is_said_so(visit: Visit) -> None:
    """Two windows of one person: the page does not blame somebody else."""
    old = visit.rollout("shipping")
    await visit.send(visit.rollout("shipping"), percent="40")
    await visit.send(old, percent="25")

    title = visit.row("shipping").one(class_="conflict").one("h3").text
    assert title == "You yourself changed shipping just now, while this page was open"


async def test_two_people_saving_at_once_get_one_save_and_one_conflict(any_site: Site) -> None:
    """Of two forms made for the same version one is saved; the other person is told."""
    import asyncio

    await any_site.add_user("grace@example.com", "Grace Hopper")
    visits = [any_site.visit(), any_site.visit()]
    for visit, email in zip(visits, (EMAIL, "grace@example.com"), strict=True):
        await visit.sign_in(email, PASSWORD)
        await visit.open(FLAGS)
    await asyncio.gather(*(visit.send(visit.rollout("shipping"), percent="50") for visit in visits))

    assert sorted(visit.answer.status_code for visit in visits) == [200, STALE]
    for visit in visits:
        await visit.client.aclose()


async def test_search_and_pages_survive_saving(site: Site, visit: Visit) -> None:
    """The second page of a search is still there after a switch, a mistake and a conflict."""
    for number in range(30):
        await site.add_flag(f"bulk-{number:02}")
    page = await visit.open(f"{FLAGS}?q=BULK")
    assert len(page.all("li", class_="row")) == 25

    await visit.open(page.one("a", rel="next")["href"])
    here = visit.path
    assert [row["id"] for row in visit.page.all("li", class_="row")] == [
        f"flag-bulk-{number}" for number in range(25, 30)
    ]
    assert visit.page.one("input", name="q")["value"] == "BULK"
    await visit.send(visit.switch("bulk-27"))
    assert visit.path == here
    await visit.send(visit.rollout("bulk-27"), percent="120")
    assert visit.row("bulk-27").one("input", name="percent")["value"] == "120"
    assert len(visit.page.all("li", class_="row")) == 5


async def test_what_could_not_be_saved_is_shown_even_off_the_list(visit: Visit) -> None:
    """A form whose flag is no part of the list any more still gets its row, with what was typed."""
    form = visit.rollout("shipping")
    form.attributes["action"] = f"{form['action']}?q=colour"
    await visit.send(form, percent="120")

    assert [row["id"] for row in visit.page.all("li", class_="row")] == ["flag-shipping", "flag-colour"]
    assert visit.rollout("shipping").fields["percent"] == "120"


async def test_the_last_changes_say_who_did_what_and_when(visit: Visit) -> None:
    """The newest first, with before and after in words, the time in words and in full."""
    await visit.send(visit.rollout("shipping"), percent="35")
    page = await visit.send(visit.switch("checkout"))

    entries = page.one("aside").all("li")
    assert entries[0].one(class_="change-what").text == "checkout switched on"
    assert entries[1].one(class_="change-what").text == "shipping 20 % → 35 % on"
    assert entries[0].one(class_="change-when").text == "Ada Lovelace · just now"
    moment = entries[0].one("time")
    assert moment["title"].endswith(" UTC")
    assert moment["datetime"].endswith("+00:00")


async def test_empty_lists_say_what_to_do(site: Site, visit: Visit) -> None:
    """No flag, no match, no environment and no page each have a text of their own and no dead end."""
    page = await visit.open(f"{FLAGS}?q=nothing")
    assert "No flag matches “nothing”" in [heading.text for heading in page.all("h2")]

    await site.api("POST", "/api/v1/projects", {"key": "empty", "name": "Empty"})
    assert (await visit.open("/projects/empty")).one("h1").text == "No environment yet"
    await site.api("POST", "/api/v1/projects/empty/environments", {"key": "live", "name": "Live"})
    page = await visit.open("/projects/empty")
    assert visit.path == "/projects/empty/environments/live/flags"
    assert "No flags yet" in [heading.text for heading in page.all("h2")]


async def test_an_archived_project_cannot_be_changed(site: Site, visit: Visit) -> None:
    """The page says why, and leads back to where the form was."""
    project = await site.api("GET", "/api/v1/projects/shop")
    await site.api("POST", "/api/v1/projects/shop/archive", version=project["version"])
    page = await visit.send(visit.switch("shipping"))

    assert visit.answer.status_code == 409
    assert "archived" in page.one("main").text
    assert page.one("a", href=FLAGS).text == "Go back"
