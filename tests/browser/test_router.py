"""The router playground in a real JupyterLab: by mouse, by keyboard, and its run replayed in Python."""

from __future__ import annotations

import pytest

from browser.test_questions import answered

pytestmark = pytest.mark.browser


@pytest.fixture
def card(lab):
    """The playground's card, in a notebook of its own."""
    name = lab.write("router.ipynb", "from evlab.widgets import RouterPlayground\nplayground = RouterPlayground()\n"
                     "playground",
                     "print(RouterPlayground.replay(playground.export()).digest() == playground.digest(), "
                     "len(playground.sent))")
    page = lab.open_notebook(name)
    lab.run_cell(0)
    card = page.locator(".jp-CodeCell").first.locator(".evlab-card")
    card.wait_for()
    return card


def told(card, number: int) -> list[str]:
    return card.locator("table tbody tr").nth(number - 1).locator("td").all_inner_texts()


def test_a_message_is_routed_lost_returned_and_dead_lettered(lab, card):
    page = lab.page
    answered(card, card.get_by_role("button", name="order.placed", exact=True).click)
    assert "goes to email and inventory" in card.locator("img").get_attribute("alt")
    assert told(card, 1)[-1] == "confirmed"
    card.get_by_role("button", name="parcel.shipped").focus()
    answered(card, lambda: page.keyboard.press("Enter"))
    assert told(card, 2)[2:] == ["-", "-", "-", "confirmed"]
    field = card.get_by_label("audit asks for")
    field.fill("parcel.*")
    answered(card, lambda: field.press("Enter"))
    answered(card, card.get_by_role("button", name="parcel.shipped").click)
    assert told(card, 3)[4] == "ready"
    answered(card, lambda: card.get_by_label("email-1", exact=True).select_option(label="rejects each"))
    answered(card, card.get_by_role("button", name="Publish it 5 times").click)
    assert "dead: rejected" in card.locator("table").inner_text()
    lab.run_cell(1)
    assert page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip() == "True 8"
    assert lab.console_errors() == [] and lab.foreign_requests() == []
