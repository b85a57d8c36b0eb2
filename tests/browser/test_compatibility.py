"""The compatibility playground in a real browser: by mouse, by keyboard, and what a screen reader is told."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def matrix(lab):
    """The card of the playground, in a notebook of its own."""
    name = lab.write("matrix.ipynb",
                     "from evlab.widgets import CompatibilityMatrix\nmatrix = CompatibilityMatrix()\nmatrix",
                     "print(CompatibilityMatrix.replay(matrix.export()).digest() == matrix.digest())")
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


def read_button(card, writer: int, reader: int):
    return card.get_by_role("group", name=f"Read v{writer}'s event with code of").get_by_role("button").nth(reader - 1)


def test_a_default_turns_a_red_cell_green_and_the_cell_under_the_cursor_tells_its_rule(lab, matrix):
    red = read_button(matrix, 1, 2)
    assert red.inner_text() == "✗ v2"
    red.hover()
    assert "email: the reader needs it" in matrix.locator(".evlab-help").inner_text()
    answered(matrix, matrix.get_by_role("group", name="Schema of v2").get_by_role("switch").nth(1).click)
    assert read_button(matrix, 1, 2).inner_text() == "✓ v2"
    assert "v2, email: string, with a default" in matrix.get_by_role("status").inner_text()
    assert "v3 is refused" in matrix.locator(".evlab-notes").inner_text()
    image = matrix.locator("img")
    assert "code of v2 cannot read v1" not in image.get_attribute("alt")
    assert image.evaluate("one => one.complete && one.naturalWidth > 0")
    assert lab.console_errors() == [] and lab.foreign_requests() == []


def test_the_playground_works_by_keyboard_and_its_run_replays(lab, matrix):
    page = lab.page
    start = matrix.get_by_role("button", name="Default, then none")
    start.focus()
    answered(matrix, lambda: page.keyboard.press("Enter"))
    assert "takes all three" in matrix.locator(".evlab-notes").inner_text()
    mode = matrix.get_by_label("must be")
    mode.focus()
    answered(matrix, lambda: page.keyboard.press("ArrowDown"))
    assert mode.input_value() == "BACKWARD_TRANSITIVE"
    assert "v3 is refused: code of v3 could not read v1" in matrix.locator(".evlab-notes").inner_text()
    cell = read_button(matrix, 1, 3)
    cell.focus()
    assert "email" in matrix.locator(".evlab-help").inner_text(), "the focus tells the rule, as the cursor does"
    answered(matrix, lambda: page.keyboard.press("Space"))
    assert "cannot read the event of v1" in matrix.get_by_role("status").inner_text()
    assert "no default" in matrix.locator("table tbody").inner_text()
    lab.run_cell(1)
    assert page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip() == "True"
    assert lab.console_errors() == []
