"""Who works by keyboard sees where: everything in a widget that can have the focus has a ring, and the whole of it."""

from __future__ import annotations

import pytest
from drill_deck import write_course

from browser.test_questions import QUESTIONS, answered, clean

pytestmark = pytest.mark.browser

PLAYGROUNDS = ["BusPlayground", "CompatibilityMatrix", "EventStorming", "Lag", "Partitions", "RouterPlayground",
               "SagaStepper", "Staleness", "TimeTravel"]
FAULTS = """card => {
    const faults = [], seen = (one) => one.offsetParent !== null && getComputedStyle(one).visibility === 'visible';
    const able = 'button, select, input, textarea, summary, [tabindex]';
    for (const one of [card, ...card.querySelectorAll(able)].filter((one) => one.matches(able) && seen(one))) {
        one.focus();
        const name = `${one.tagName} ${one.getAttribute('aria-label') || one.textContent.slice(0, 30)}`;
        if (document.activeElement !== one) faults.push(`${name}: takes no focus`);
        const drawn = [one, one.closest('label')].filter(Boolean).map((node) => [node, getComputedStyle(node)])
            .find(([, style]) => style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2);
        if (!drawn) { faults.push(`${name}: no ring`); continue; }
        const [node, style] = drawn, box = node.getBoundingClientRect();
        const far = parseFloat(style.outlineOffset) + parseFloat(style.outlineWidth);
        const scrolls = node.closest('.jp-WindowedPanel-outer');
        for (let behind = node.parentElement; behind !== scrolls; behind = behind.parentElement) {
            if (getComputedStyle(behind).overflowX === 'visible') continue;
            const edge = behind.getBoundingClientRect();
            if (box.left - far < edge.left - 0.5 || box.right + far > edge.right + 0.5
                || box.top - far < edge.top - 0.5 || box.bottom + far > edge.bottom + 0.5) {
                faults.push(`${name}: its ring is cut off by ${behind.className}`);
            }
        }
    }
    return faults;
}"""


def whole_rings(lab, card) -> None:
    lab.page.keyboard.press("Tab")  # from now on the browser shows where the focus is
    for width in (1280, 800):
        lab.page.set_viewport_size({"width": width, "height": 2000})
        lab.page.wait_for_timeout(300)
        assert card.evaluate(FAULTS) == [], width


@pytest.fixture(scope="module")
def cells(lab):
    """The names of the cells that make the widgets, in one notebook that is open."""
    course = write_course(lab.root / "focused")
    made = {name: f"import evlab.widgets as widgets\nwidgets.{name}()" for name in PLAYGROUNDS}
    made |= {f"question {number}": f"from evlab.course import predict, quiz\nn = 'focus'\n{question}"
             for number, question in enumerate(QUESTIONS)}
    start = (f"import os\nos.environ.update(EVLAB_COURSE={str(course)!r}, EVLAB_HOME={str(lab.home / 'focus')!r})\n"
             "from evlab.course import drill, interview\n")
    made |= {name: f"{start}drill(cards=[{name!r}])" for name in ("late-subscriber", "four-steps", "no-ack", "backlog")}
    made |= {"interview": f"{start}interview(questions=1, minutes=2)"}
    lab.open_notebook(lab.write("focus.ipynb", *made.values()), height=2000)
    return list(made)


@pytest.mark.parametrize("name", [*PLAYGROUNDS, "question 0", "question 1", "question 2", "late-subscriber",
                                  "four-steps", "no-ack", "backlog"])
def test_all_that_can_have_the_focus_shows_it(lab, cells, name):
    number = cells.index(name)
    lab.run_cell(number)
    card = lab.page.locator(".jp-CodeCell").nth(number).locator(".evlab-card")
    card.wait_for()
    whole_rings(lab, card)
    clean(lab)


def test_all_that_can_have_the_focus_in_an_interview_shows_it(lab, cells):
    number = cells.index("interview")
    lab.run_cell(number)
    card = lab.page.locator(".jp-CodeCell").nth(number).locator(".evlab-card")
    for words in ("Start", "I have answered", "Done", "Next question"):
        card.get_by_role("button", name=words).wait_for()
        whole_rings(lab, card)
        answered(card, card.get_by_role("button", name=words).click)
    whole_rings(lab, card)
    clean(lab)
