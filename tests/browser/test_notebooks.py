"""Each notebook as the learner gets it: opened in JupyterLab, run from top to bottom, its playground used."""

from __future__ import annotations

import json
import os

import pytest

from evlab.course.data import course_folder
from evlab.course.workspace import cleared, course_notebooks

pytestmark = pytest.mark.browser

BOOKS = {name: path for name, path in course_notebooks(course_folder()).items() if name.startswith("notebooks/")}
SOME = ("/00_", "/02_", "/15_")
LOOKED_AT = [name for name in BOOKS if os.environ.get("EVLAB_SOAK") == "1" or any(one in name for one in SOME)]
"""The first notebook and two with a playground; in `make soak` all. Each playground has a browser test of its own, and
what the notebooks put out, nbval compares."""


def open_fresh(lab, name: str):
    """Open the learner's copy of a notebook: without outputs."""
    path = BOOKS[name]
    book = cleared(json.loads(path.read_text("utf-8")))
    (lab.root / path.name).write_text(json.dumps(book), encoding="utf-8")
    return lab.open_notebook(path.name), book


@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_notebook_runs_in_jupyterlab_without_a_complaint(lab, name):
    page, book = open_fresh(lab, name)
    lab.run_all(timeout=90)
    wanted = sum("raises-exception" in cell["metadata"].get("tags", []) for cell in book["cells"])
    errors = page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], "
                          ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']")
    assert errors.count() == wanted, errors.all_inner_texts()
    assert page.get_by_text("Error displaying widget").count() == 0
    assert page.get_by_text("sample guess").count() == 0, "the learner has made no guess, and sees none"
    images = page.locator(".jp-OutputArea img")
    assert images.evaluate_all("images => images.every((one) => one.alt && one.complete && one.naturalWidth > 0)")
    assert lab.console_errors() == []
    assert lab.foreign_requests() == []


@pytest.fixture
def bus(lab):
    """The card of the bus playground, in a notebook of its own."""
    name = lab.write("bus.ipynb", "from evlab.widgets import BusPlayground\nplayground = BusPlayground()\nplayground",
                     "print(BusPlayground.replay(playground.export()).digest() == playground.digest())")
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


def cell_of(card, row: int, column: str) -> str:
    head = card.locator("table th").all_inner_texts()
    return card.locator("table tbody tr").nth(row).locator("td").nth(head.index(column)).inner_text()


def test_publishing_in_the_bus_playground_shows_who_got_it(lab, bus, measured):
    publish = bus.get_by_role("button", name="OrderPlaced", exact=True)
    answered(bus, publish.click)
    assert "3 subscriptions match" in bus.get_by_role("status").inner_text()
    assert cell_of(bus, 0, "inventory") == "handled" and cell_of(bus, 0, "fraud") == "-"
    times = [lab.redraw(bus, "OrderPlaced") for _ in range(7)]
    measured(f"bus playground, from the click to the new picture: {sorted(times)[3]:.0f} ms (median of 7)")
    assert lab.console_errors() == [] and lab.foreign_requests() == []


def test_a_failing_subscriber_of_the_playground_ends_in_a_dead_letter_and_is_redriven(lab, bus):
    state = bus.get_by_label("state").first
    answered(bus, lambda: state.select_option(label="fails"))
    answered(bus, bus.get_by_role("button", name="OrderPlaced", exact=True).click)
    assert cell_of(bus, 0, "email") == "waiting" and cell_of(bus, 0, "inventory") == "handled"
    for _ in range(2):
        answered(bus, bus.get_by_role("button", name="Wait 1 s").click)
    assert cell_of(bus, 0, "email") == "dead letter"
    answered(bus, lambda: state.select_option(label="works"))
    answered(bus, bus.get_by_role("button", name="Redrive dead letters").click)
    assert cell_of(bus, 0, "email") == "handled"
    lab.run_cell(1)
    assert lab.page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text().strip() == "True"
    assert lab.console_errors() == []


def test_the_bus_playground_works_by_keyboard_and_explains_a_bad_pattern(lab, bus):
    page = lab.page
    bus.get_by_role("button", name="OrderPlaced", exact=True).focus()
    answered(bus, lambda: page.keyboard.press("Enter"))
    pattern = bus.get_by_label("pattern").first
    pattern.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("order.plac*")
    answered(bus, lambda: page.keyboard.press("Enter"))
    assert "wildcard inside the word" in bus.inner_text()
    page.keyboard.press("Control+a")
    page.keyboard.type("parcel.#")
    answered(bus, lambda: page.keyboard.press("Enter"))
    bus.get_by_role("button", name="ParcelShipped", exact=True).focus()
    answered(bus, lambda: page.keyboard.press("Space"))
    assert cell_of(bus, 1, "email") == "handled"
    assert lab.console_errors() == []
