"""The lag playground in a real JupyterLab: by mouse, by keyboard, and its run replayed in Python."""

from __future__ import annotations

import pytest

from browser.test_questions import answered

pytestmark = pytest.mark.browser


@pytest.fixture
def card(lab):
    """The playground's card, in a notebook of its own."""
    name = lab.write("lag.ipynb", "from evlab.widgets import Lag\nplayground = Lag()\nplayground",
                     "print(Lag.replay(playground.export()).digest() == playground.digest())")
    page = lab.open_notebook(name)
    lab.run_cell(0)
    card = page.locator(".jp-CodeCell").first.locator(".evlab-card")
    card.wait_for()
    return card


def column(card, name: str) -> list[str]:
    head = card.locator("table th").all_inner_texts()
    return [row.locator("td").nth(head.index(name)).inner_text() for row in card.locator("table tbody tr").all()]


def test_a_group_falls_behind_and_a_consumer_is_killed_by_mouse_and_by_keyboard(lab, card):
    assert sorted(set(column(card, "owner"))) == ["email-1", "email-2"]
    answered(card, lambda: card.get_by_label("email-2", exact=True).select_option(label="killed"))
    assert "email-2 killed. 5 s have passed." in card.get_by_role("status").inner_text()
    card.get_by_label("orders, λ").focus()
    answered(card, lambda: lab.page.keyboard.press("End"))
    wait = card.get_by_role("button", name="Wait 30 s")
    wait.focus()
    answered(card, lambda: lab.page.keyboard.press("Enter"))
    assert set(column(card, "owner")) == {"email-1"}
    assert min(map(int, column(card, "lag"))) > 50
    assert "email-2 killed" in card.locator("img").get_attribute("alt")
    assert "never" in card.inner_text()
    lab.run_cell(1)
    assert lab.page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip() == "True"
    assert lab.console_errors() == [] and lab.foreign_requests() == []
