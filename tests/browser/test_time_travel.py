"""The time-travel playground in a real browser: by mouse, by keyboard, and with a bug that is found."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def past(lab):
    """The card of the playground, in a notebook of its own."""
    name = lab.write("past.ipynb", "from evlab.widgets import TimeTravel\nplayground = TimeTravel()\nplayground",
                     "print(TimeTravel.replay(playground.export()).digest() == playground.digest())\n"
                     "print(playground.actions)")
    page = lab.open_notebook(name)
    lab.run_cell(0)
    card = page.locator(".jp-CodeCell").first.locator(".evlab-card")
    card.wait_for()
    return card


def answered(card, press):
    """Press, and wait until the card shows Python's answer."""
    before = card.get_attribute("data-n")
    press()
    card.page.wait_for_function("([card, before]) => card.dataset.n !== before", arg=[card.element_handle(), before])


def test_arrow_keys_walk_through_the_versions_and_a_replay_finds_the_faulty_deposit(lab, past):
    page, status = lab.page, past.get_by_role("status")
    slider = past.get_by_label("version", exact=True)
    slider.focus()
    answered(past, lambda: page.keyboard.press("ArrowLeft"))
    assert status.inner_text().startswith("Version 11, ") and slider.input_value() == "11"
    answered(past, lambda: page.keyboard.press("Home"))
    assert status.inner_text() == "Version 0: nothing has happened yet."
    answered(past, lambda: page.keyboard.press("ArrowRight"))
    assert "AccountOpened for Amina Diallo" in status.inner_text()
    assert past.locator("img").first.get_attribute("alt").startswith("At version 1 the balance was 0.")

    replay = past.get_by_role("button", name="Replay through both")
    replay.press("Enter")
    assert status.inner_text().startswith("Not now: There is no bug to find.")
    answered(past, past.get_by_role("switch", name="Ship the bug").click)
    assert "Amina calls: the bank says" in past.inner_text()
    answered(past, replay.click)
    assert "they part at version" in past.locator("img").first.get_attribute("alt")
    assert "The event is right, so it stays as it is." in past.inner_text()

    answered(past, past.get_by_role("button", name="Withdraw 100").click)
    assert status.inner_text().startswith("Rejected: 100 asked for")
    lab.run_cell(1)
    printed = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().splitlines()
    keys = [["version", 11], ["version", 0], ["version", 1]]
    assert printed == ["True", str([*keys, ["bug", True], ["replay", None], ["withdraw", None]])], "one action a key"
    assert lab.console_errors() == [] and lab.foreign_requests() == []
