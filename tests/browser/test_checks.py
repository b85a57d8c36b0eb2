"""A lab in a real JupyterLab: a check says at once that it runs, a wrong answer is drawn, a right one passes."""

from __future__ import annotations

import json
import time

import pytest

from evlab.course.checking import solution_of
from evlab.course.judge.labs import authoring_folder

pytestmark = pytest.mark.browser

FOLDER = authoring_folder() / "lab01"
MASTER = next(FOLDER.glob("*.ipynb"))


def wrong(name: str) -> str:
    text = (FOLDER / "mutants" / f"{name}.py").read_text("utf-8")
    return text[text.index("# answer:"):]


def right(question: str) -> str:
    return f"# answer: {question}\n{solution_of(question)}"


IMPORT = "from evlab.course import check, hint, reset, solution"
CELLS = [IMPORT, wrong("q1_no_try"), 'check("lab01.q1")', 'hint("lab01.q1")', right("lab01.q1"), right("lab01.q4"),
         'check("lab01.q4")', 'result = check("lab01.q1")', "result.passed"]


@pytest.fixture(scope="module")
def page(lab):
    page = lab.open_notebook(lab.write("checks.ipynb", *CELLS), height=1800)
    lab.run_cell(0)
    return page


def output(page, cell: int):
    return page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")


def test_a_wrong_answer_is_drawn_and_its_hints_say_more_each_time(lab, page):
    lab.run_cell(1)
    lab.run_cell(2)
    card = output(page, 2)
    assert card.count() == 1, "the bar and the card are one output"
    said = card.inner_text()
    for part in ("Not yet", "one failure stops nobody", "came out of deliver_all", "not reached", 'hint("lab01.q1")',
                 "ran apart from this notebook"):
        assert part in said
    image = card.locator("img")
    assert image.evaluate("one => one.complete && one.naturalWidth > 300 && one.alt.length > 20")
    levels = []
    for _ in range(3):
        lab.run_cell(3)
        levels.append(output(page, 3).inner_text())
    assert [text.count("\n") for text in levels] == sorted({text.count("\n") for text in levels})
    assert "A nudge" in levels[0] and "Nearly the answer" in levels[2] and "Nearly the answer" not in levels[1]
    assert lab.console_errors() == [] and lab.foreign_requests() == []


def test_a_check_says_at_once_that_it_runs_and_a_right_answer_passes(lab, page, measured):
    lab.run_cell(5)
    lab.select_cell(6)
    began = time.monotonic()
    page.keyboard.press("Control+Enter")
    output(page, 6).get_by_text("Checking lab01.q4").wait_for(timeout=10_000)
    first = time.monotonic() - began
    output(page, 6).get_by_text("Passed").wait_for(timeout=30_000)
    done = time.monotonic() - began
    measured(f"check of lab01.q4 in JupyterLab: first word after {1000 * first:.0f} ms, verdict after "
             f"{1000 * done:.0f} ms")
    assert "4 of 4 points" in output(page, 6).inner_text()
    lab.run_cell(4)
    lab.run_cell(7)
    lab.run_cell(8)
    assert "True" in output(page, 8).inner_text()
    assert lab.console_errors() == []


def test_a_reset_puts_a_cell_with_the_gap_below(lab):
    page = lab.open_notebook(lab.write("reset.ipynb", IMPORT, right("lab01.q1"), 'reset("lab01.q1")'))
    for number in range(3):
        lab.run_cell(number)
    page.wait_for_function("() => document.querySelectorAll('.jp-CodeCell').length === 4")
    assert "raise NotImplementedError" in page.locator(".jp-CodeCell").nth(3).inner_text()


def test_the_whole_lab_runs_in_jupyterlab_and_every_check_passes(lab):
    book = json.loads(MASTER.read_text("utf-8"))
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    (lab.root / MASTER.name).write_text(json.dumps(book), encoding="utf-8")
    page = lab.open_notebook(MASTER.name)
    lab.run_all(timeout=90)
    assert page.locator(".jp-OutputArea-output", has_text="Passed").count() == 4
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error'], "
                        ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert lab.console_errors() == [] and lab.foreign_requests() == []
