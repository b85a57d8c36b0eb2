"""The partitions playground in a real JupyterLab: by mouse, by keyboard, and its run replayed in Python."""

from __future__ import annotations

import pytest

from browser.test_questions import answered

pytestmark = pytest.mark.browser


@pytest.fixture
def card(lab):
    """The playground's card, in a notebook of its own."""
    name = lab.write("partitions.ipynb", "from evlab.widgets import Partitions\nplayground = Partitions()\nplayground",
                     "print(Partitions.replay(playground.export()).digest() == playground.digest(), "
                     "len(playground.export(frame=True)))")
    page = lab.open_notebook(name)
    lab.run_cell(0)
    card = page.locator(".jp-CodeCell").first.locator(".evlab-card")
    card.wait_for()
    return card


def goes_to(card, key: str) -> str:
    return card.locator("table tbody tr", has_text=key).locator("td").last.inner_text()


def test_orders_are_sent_a_partition_added_and_a_broker_switched_off(lab, card):
    page, send = lab.page, card.get_by_role("button", name="Send 8 orders")
    answered(card, send.click)
    assert "Eight orders were placed" in card.get_by_role("status").inner_text()
    assert "8 records in 3 partitions" in card.locator("img").get_attribute("alt")
    assert goes_to(card, "order-1042") == "0"
    card.get_by_role("button", name="Add a partition").focus()
    answered(card, lambda: page.keyboard.press("Enter"))
    assert goes_to(card, "order-1042") == "2, before that 0"
    field = card.get_by_label("a key of yours")
    field.fill("amina")
    answered(card, lambda: field.press("Enter"))
    answered(card, card.get_by_role("button", name="Send 10, a hot key").click)
    assert card.locator("table tbody tr", has_text="amina").locator("td").nth(1).inner_text() == "10"
    answered(card, lambda: card.get_by_label("show").select_option(label="three brokers (14)"))
    assert "high watermark" in card.locator("img").get_attribute("alt")
    card.get_by_role("switch", name="broker-1 is up").focus()
    answered(card, lambda: page.keyboard.press("Space"))
    assert "broker-1 down" in card.locator("img").get_attribute("alt")
    lab.run_cell(1)
    assert page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip() == "True 18"
    assert lab.console_errors() == [] and lab.foreign_requests() == []
