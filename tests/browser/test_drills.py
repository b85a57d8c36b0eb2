"""Drills in a real JupyterLab: by mouse, by keyboard alone, in the dark, and after a reload of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from drill_deck import write_course

from browser.test_questions import answered, clean, look_at, tab_into

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def course(lab):
    return write_course(lab.root / "drilled")


@pytest.fixture
def opened(lab, course):
    """`opened(name, cell, ...)`: a notebook whose cells have run, with drills of its own. Returns its cards."""

    def open_one(name, *cells, **how):
        home = lab.home / f"drills-{name}"
        start = f"import os\nos.environ.update(EVLAB_COURSE={str(course)!r}, EVLAB_HOME={str(home)!r})"
        page = lab.open_notebook(lab.write(f"{name}.ipynb", f"{start}\nfrom evlab.course import drill, interview",
                                           *cells), **how)
        for number in range(len(cells) + 1):
            lab.run_cell(number)
        page.locator(".evlab-card").first.wait_for()
        return page.locator(".evlab-card")

    return open_one


def verdict(card):
    return card.locator(".evlab-verdict").inner_text()


def test_a_choice_is_answered_by_mouse_and_the_next_card_comes(lab, opened):
    card = opened("choice", "drill()").first
    assert "Publish & subscribe" in card.inner_text() and "6 new" in card.inner_text()
    answered(card, card.get_by_role("button", name="e1 and e2").click)
    assert verdict(card).endswith("Not this one.")
    assert "You chose this. A log would do that" in card.inner_text()
    assert "It was subscribed when e2 came." in card.inner_text()
    assert "in 10 minutes" in card.inner_text()
    answered(card, card.get_by_role("button", name="Prove it").click)
    proof = card.locator(".evlab-proof")
    assert "seen: ['e2']" in proof.inner_text() and "is True" in proof.inner_text()
    answered(card, card.get_by_role("button", name="Next card").click)
    assert "A handler fails three times" in card.inner_text()
    assert "5 new, 1 missed" in card.inner_text()
    assert lab.page.evaluate("window.pwned") is None and card.locator("script, img").count() == 0
    clean(lab)


def test_every_kind_of_card_is_answered_by_keyboard_alone(lab, opened):
    card = opened("keys", "drill()").first
    keyboard = lab.page.keyboard
    tab_into(lab, 1, card)
    place = [option.inner_text() for option in card.locator(".evlab-option").all()]
    right = next(number for number, text in enumerate(place, 1) if "e2 alone" in text)
    answered(card, lambda: keyboard.press(str(right)))
    assert verdict(card).endswith("Right.")
    answered(card, lambda: keyboard.press("Enter"))

    wanted = ["handle", "wait", "handle again", "dead letter"]  # each item by arrows or by the number of its place
    for number, words in enumerate(wanted):
        row = card.locator(".evlab-item").filter(has=lab.page.get_by_text(words, exact=True))
        while lab.page.evaluate("document.activeElement.querySelector('.evlab-fill').textContent") != words:
            keyboard.press("Tab")
            if not card.evaluate("card => document.activeElement.matches('.evlab-item')"):
                card.locator(".evlab-item").first.focus()
        if number == 1:
            keyboard.press(str(number + 1))
        while row.locator(".evlab-key").inner_text() != str(number + 1):
            keyboard.press("ArrowUp")
    assert card.locator(".evlab-fill").all_inner_texts() == wanted
    answered(card, lambda: keyboard.press("Enter"))
    assert verdict(card).endswith("Right.")
    answered(card, lambda: keyboard.press("e"))

    keyboard.type("Acknowledgement")
    keyboard.press("Enter")  # goes to the gap that is empty
    keyboard.type("drops it, x q p 1")  # letters in a field are text, not keys
    answered(card, lambda: keyboard.press("Enter"))
    assert verdict(card).endswith("1 of 2 are right.")
    assert "delivers again" in card.locator(".evlab-cloze").inner_text()
    answered(card, lambda: keyboard.press("Enter"))

    numbers = [int(text) for text in re.findall(r"\d+", card.locator(".evlab-question").inner_text())]
    keyboard.type("many")
    answered(card, lambda: keyboard.press("Enter"))
    assert "'many' is not a number." in card.locator(".evlab-status").inner_text()
    keyboard.press("Control+a")
    keyboard.type(f"{numbers[0] * numbers[1]:,}")
    answered(card, lambda: keyboard.press("Enter"))
    assert verdict(card).endswith("Right.")
    answered(card, lambda: keyboard.press("h"))

    assert "ack lost" in card.locator(".evlab-code").inner_text()
    answered(card, lambda: keyboard.press("x"))
    assert verdict(card) == "Now you know."
    answered(card, lambda: keyboard.press("Enter"))

    keyboard.type("Mail is the slow one.\nIt fails too.")
    keyboard.press("Tab")
    answered(card, lambda: keyboard.press("Enter"))
    assert card.locator("textarea").input_value() == "Mail is the slow one.\nIt fails too."
    for key in ("1", "2", "3", "3"):
        keyboard.press(key)
    assert [tick.is_checked() for tick in card.get_by_role("checkbox").all()] == [True, True, False]
    answered(card, lambda: keyboard.press("Enter"))
    assert verdict(card) == "80% of the points."
    assert lab.page.locator(".jp-Cell").count() == 2
    clean(lab)


def test_in_a_field_for_a_number_the_key_x_says_that_one_does_not_know(lab, opened):
    card = opened("no-number", "drill(cards=['backlog'])").first
    card.locator("input[type=text]").click()
    lab.page.keyboard.type("4x")
    assert card.locator("input[type=text]").input_value() == "4x" and card.get_attribute("data-phase") == "ask"
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.press("Delete")
    answered(card, lambda: lab.page.keyboard.press("x"))
    assert verdict(card) == "Now you know."
    clean(lab)


def test_an_item_is_dragged_to_its_place(lab, opened):
    card = opened("drag", "drill(cards=['four-steps'])").first
    rows = card.locator(".evlab-item")
    words = card.locator(".evlab-fill")
    last = words.all_inner_texts()[-1]
    start, end = rows.last.bounding_box(), rows.first.bounding_box()
    mouse = lab.page.mouse
    mouse.move(start["x"] + 60, start["y"] + 15)
    mouse.down()
    mouse.move(end["x"] + 60, end["y"] + 15, steps=12)
    mouse.up()
    assert words.all_inner_texts()[0] == last
    second = words.all_inner_texts()[1]
    card.get_by_role("button", name=f"Move up: {second}", exact=True).click()
    assert words.all_inner_texts()[0] == second
    answered(card, card.get_by_role("button", name="Check the order").click)
    assert verdict(card)
    clean(lab)


def test_the_card_survives_a_reload_of_the_page_and_the_answer_a_restart(lab, opened):
    card = opened("reload", "drill()", "print([fact.id for _, fact in __import__('evlab.course.drills')"
                  ".course.drills.DrillState().history()])").first
    answered(card, card.get_by_role("button", name="e2 alone").click)
    lab.page.keyboard.press("Control+s")
    lab.page.wait_for_timeout(800)
    lab.open_notebook("reload.ipynb", fresh=False)
    card = lab.page.locator(".evlab-card").first
    card.wait_for(timeout=20_000)
    assert verdict(card).endswith("Right.")
    answered(card, card.get_by_role("button", name="Next card").click)
    assert "A handler fails" in card.inner_text()
    lab.open_notebook("reload.ipynb")
    lab.run_all()
    assert lab.page.locator(".jp-OutputArea-output").last.inner_text().strip() == "['late-subscriber']"
    assert "A handler fails" in lab.page.locator(".evlab-card").first.inner_text()


def test_an_interview_runs_against_the_clock_and_reports(lab, opened):
    card = opened("talk", "talk = interview(questions=1, minutes=2)\ntalk").first
    assert "1 question, 2:00" in card.inner_text()
    answered(card, card.get_by_role("button", name="Start").click)
    left = card.locator(".evlab-run")
    first = left.inner_text()
    lab.page.wait_for_timeout(2200)
    assert re.fullmatch(r"(2:00|1:5\d) left", first) and left.inner_text() < first, "the clock runs"
    card.locator("textarea").fill("It depends.")
    answered(card, card.get_by_role("button", name="I have answered").click)
    card.get_by_text("says what it depends on").click()
    answered(card, card.get_by_role("button", name="Done").click)
    assert verdict(card) == "20% of the points."
    answered(card, card.get_by_role("button", name="Next question").click)
    assert "names a failure" in card.inner_text() and "notebook 01" in card.inner_text()
    clean(lab)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_of_a_card_is_readable_and_nothing_leaves_it(lab, opened, dark):
    names = ["late-subscriber", "four-steps", "no-ack", "backlog", "charged-twice", "bus-or-call"]
    cards = opened(f"look-{dark}", *[f"drill(cards=[{name!r}])" for name in names], dark=dark, height=3400)
    assert cards.count() == len(names)
    for told in (False, True):
        for number, name in enumerate(names):
            card = cards.nth(number)
            if told and name == "bus-or-call":
                answered(card, card.get_by_role("button", name="I have answered").click)
            elif told:
                answered(card, card.get_by_role("button", name="I don't know").click)
                answered(card, card.get_by_role("button", name="Prove it").click)
        for width in (1280, 800):
            lab.page.set_viewport_size({"width": width, "height": 3400})
            lab.page.wait_for_timeout(300)
            for number in range(len(names)):
                look_at(cards.nth(number), width)
    clean(lab)


def test_a_saved_notebook_shows_the_first_card_and_records_nothing(lab, course, tmp_path):
    name = lab.write("saved-drill.ipynb", "from evlab.course import drill, interview", "drill()", "interview()")
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", name], cwd=lab.root,
        env=os.environ | {"EVLAB_SAVED": "1", "EVLAB_HOME": str(home), "IPYTHONDIR": str(tmp_path),
                          "EVLAB_COURSE": str(course), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "widget-view" not in (lab.root / name).read_text(encoding="utf-8") and not home.exists()
    page = lab.open_notebook(name, dark=True)
    outputs = page.locator(".jp-OutputArea-output")
    assert "What does it see?" in outputs.nth(0).inner_text()
    details = outputs.nth(0).locator("details")
    assert "It was subscribed when e2 came." not in outputs.nth(0).inner_text()
    details.locator("summary").click()
    assert "It was subscribed when e2 came." in outputs.nth(0).inner_text()
    assert "1 question, 30:00" in outputs.nth(1).inner_text()
    assert page.evaluate("window.pwned") is None
    clean(lab)
