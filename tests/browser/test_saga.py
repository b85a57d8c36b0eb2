"""The saga playground in a real JupyterLab: by mouse, by keyboard, and its run replayed in Python."""

from __future__ import annotations

import pytest

from browser.test_questions import answered

pytestmark = pytest.mark.browser


@pytest.fixture
def card(lab):
    """The playground's card, in a notebook of its own."""
    name = lab.write("saga.ipynb", "from evlab.widgets import SagaStepper\nplayground = SagaStepper()\nplayground",
                     "print(SagaStepper.replay(playground.export()).digest() == playground.digest(), "
                     "playground.shops['orchestration'].flow()[1])")
    page = lab.open_notebook(name)
    lab.run_cell(0)
    card = page.locator(".jp-CodeCell").first.locator(".evlab-card")
    card.wait_for()
    return card


def alts(card) -> list[str]:
    return [card.locator("img").nth(number).get_attribute("alt") for number in range(2)]


def test_a_lost_message_an_undo_and_a_crash_of_the_orchestrator(lab, card):
    page = lab.page
    answered(card, card.get_by_role("button", name="Deliver the next message").click)
    assert "reserve stock, compensatable: done" in alts(card)[0]
    card.get_by_role("button", name="Lose it").focus()
    answered(card, lambda: page.keyboard.press("Enter"))
    assert "it stands still" in alts(card)[0] and "No service knows" in card.inner_text()
    answered(card, lambda: card.get_by_label("payment", exact=True).select_option(label="says no"))
    answered(card, lambda: card.get_by_label("orders (orchestrator)").select_option(label="crashed"))
    assert "its stream is on disk" in alts(card)[1]
    answered(card, lambda: card.get_by_label("orders (orchestrator)").select_option(label="works"))
    answered(card, card.get_by_role("button", name="Deliver all").click)
    assert "compensated: CardDeclined" in alts(card)[1]
    lab.run_cell(1)
    said = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip()
    assert said == "True compensated: CardDeclined"
    assert lab.console_errors() == [] and lab.foreign_requests() == []
