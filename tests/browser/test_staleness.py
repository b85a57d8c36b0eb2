"""The staleness playground in a real JupyterLab: by mouse, by keyboard, and its run replayed in Python."""

from __future__ import annotations

import pytest

from browser.test_questions import answered

pytestmark = pytest.mark.browser


@pytest.fixture
def card(lab):
    """The playground's card, in a notebook of its own."""
    name = lab.write("staleness.ipynb", "from evlab.widgets import Staleness\nplayground = Staleness()\nplayground",
                     "print(Staleness.replay(playground.export()).digest() == playground.digest())")
    page = lab.open_notebook(name)
    lab.run_cell(0)
    card = page.locator(".jp-CodeCell").first.locator(".evlab-card")
    card.wait_for()
    return card


def column(card, name: str) -> list[str]:
    head = card.locator("table th").all_inner_texts()
    rows = card.locator("table tbody tr").all()
    return [row.locator("td").nth(head.index(name)).inner_text() for row in rows]


def test_customers_come_in_and_a_cure_is_chosen_by_mouse_and_by_keyboard(lab, card):
    run = card.get_by_role("button", name="Let 100 customers in")
    answered(card, run.click)
    assert "95 of 100 orders were placed" in card.get_by_role("status").inner_text()
    assert "does not find it" in card.locator("img").get_attribute("alt")
    answered(card, lambda: card.get_by_label("cure").select_option(label="wait for the position"))
    assert "From the next run on: wait for the position" in card.get_by_role("status").inner_text()
    card.get_by_label("copies").focus()
    answered(card, lambda: lab.page.keyboard.press("ArrowRight"))
    run.focus()
    answered(card, lambda: lab.page.keyboard.press("Enter"))
    assert column(card, "cure") == ["accept", "wait for the position"] and column(card, "copies") == ["1", "2"]
    assert int(column(card, "stale answers")[0]) > 0 and column(card, "stale answers")[1] == "0"
    lab.run_cell(1)
    assert lab.page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip() == "True"
    assert lab.console_errors() == [] and lab.foreign_requests() == []
