"""The event storming in a real JupyterLab: a note is moved by mouse and by keyboard, and the run replayed in Python."""

from __future__ import annotations

import pytest

from browser.test_questions import answered

pytestmark = pytest.mark.browser


@pytest.fixture
def card(lab):
    """The playground's card, in a notebook of its own."""
    name = lab.write("board.ipynb", "from evlab.widgets import EventStorming\nplayground = EventStorming()\nplayground",
                     "print(EventStorming.replay(playground.export()).digest() == playground.digest(), "
                     "playground.board.note('n6').column, playground.board.context(4))")
    page = lab.open_notebook(name)
    lab.run_cell(0)
    card = page.locator(".jp-CodeCell").first.locator(".evlab-card")
    card.wait_for()
    return card


def middle(spot) -> tuple[float, float]:
    box = spot.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_note_is_dragged_and_then_moved_by_the_arrow_keys(lab, card):
    page = lab.page
    assert "19 notes, and 7 things missing" in card.locator("img").get_attribute("alt")
    receipt = card.get_by_role("button", name="event ReceiptSent")
    receipt.scroll_into_view_if_needed()

    def drag():
        page.mouse.move(*middle(receipt))
        page.mouse.down()
        page.mouse.move(middle(card.get_by_role("button", name="event StockReleased"))[0], middle(receipt)[1], steps=5)
        page.mouse.up()

    drag()  # two presses: the note, then its column
    card.get_by_role("button", name="event ReceiptSent, column 6").wait_for()
    receipt.focus()
    answered(card, lambda: page.keyboard.press("ArrowRight"))
    assert receipt.get_attribute("aria-label") == "event ReceiptSent, column 7"
    assert receipt.evaluate("(node) => node === document.activeElement"), "the focus goes along"
    answered(card, card.get_by_role("button", name="event ChargeCard").click)
    answered(card, lambda: (card.get_by_label("bounded context").fill("payment"), page.keyboard.press("Enter")))
    answered(card, lambda: card.get_by_label("kind", exact=True).select_option(label="command"))
    answered(card, lambda: (card.get_by_label("text, then Enter").fill("ChargeCard"), page.keyboard.press("Enter")))
    assert "19 notes" not in card.locator("img").get_attribute("alt")
    typed = card.get_by_label("text, then Enter")
    assert typed.input_value() == "", "ready for the next one"
    for words, left in (("Fraud check", ""), ("Third command", "Third command")):  # the column holds two, no third
        answered(card, lambda words=words: (typed.fill(words), page.keyboard.press("Enter")))
        assert typed.input_value() == left
    assert "holds 2 notes" in card.inner_text()
    answered(card, card.get_by_role("button", name="Undo").click)
    before = card.locator("img").get_attribute("alt")
    command = card.get_by_role("button", name="command ChargeCard")
    command.focus()
    answered(card, lambda: page.keyboard.press("Delete"))
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("event "), "a neighbour's"
    answered(card, card.get_by_role("button", name="Undo").click)
    assert card.locator("img").get_attribute("alt") == before and command.count() == 1
    empty = middle(card.get_by_role("button", name="event StockReleased"))[0] + 2 * middle(command)[0] - 2 * middle(
        card.get_by_role("button", name="event StockReserved"))[0], middle(command)[1]
    answered(card, lambda: page.mouse.click(*empty))
    assert card.get_by_label("in column").input_value() == "8", "an empty place is for new notes"
    lab.run_cell(1)
    said = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip()
    assert said == "True 7 payment"
    assert lab.console_errors() == [] and lab.foreign_requests() == []
