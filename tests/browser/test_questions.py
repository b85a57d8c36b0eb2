"""Questions and playgrounds in a real JupyterLab: by mouse, by keyboard alone, in the dark, and when things fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.browser

IMPORTS = "from evlab.course import Progress, course_map, predict, quiz, show\nfrom toy import Toy"
TOY = '''
from evlab.viz.figure import Figure
from evlab.widgets import Button, Flight, Note, Playground, Select, Slider, Table, Text, Toggle

BAD = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
SVG = ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 600 120' width='600' height='120' onload='window.pwned=1'>"
       "<script>window.pwned=1</script><rect x='5' y='5' width='590' height='110' fill='white' stroke='gray'/>"
       "<text x='20' y='60'>{} orders</text></svg>").replace("viewBox='0 0 600 120'", 'viewBox="0 0 600 120"')


class Toy(Playground):
    name, title, lead = "toy", "Orders come in", "Press Order."

    def start(self, seed):
        self.orders, self.place, self.rate, self.slow, self.word = 0, "email", 1, False, "order"
        self.said, self.flights = "", []

    def act(self, name, value):
        self.flights = []
        if name == "order":
            self.orders += self.rate
            self.said = f"{self.orders} orders."
            self.flights = [Flight((20, 60), (560, 60), length=500, label="e1"),
                            Flight((20, 90), (300, 90), length=300, label="e2", lost=True)]
        elif name == "fail":
            raise RuntimeError(BAD)
        elif name == "sleep":
            import time
            time.sleep(1.5)
        elif name == "hide":
            self.said = "hidden"
        else:
            setattr(self, name, value)
            self.said = f"{name} is {value}."

    def render(self):
        controls = [Button("order", "Order", look="main", group="Shop", help="Takes an order."),
                    Slider("rate", "Orders a press", low=1, high=9, value=self.rate, group="Shop"),
                    Text("word", "Word", value=self.word, group="Shop"),
                    Select("place", "Place", options=["email", "stock"], value=self.place, group="Where"),
                    Toggle("slow", "Slow", value=self.slow, group="Where"),
                    Button("again", "Again", blocked="" if self.orders else "There is no order yet.", group="Where"),
                    Button("fail", "Fail", look="harm", group="Break it"),
                    Button("sleep", "Sleep", group="Break it")]
        controls += [] if self.said == "hidden" else [Button("hide", "Hide me", group="Break it")]
        return {"controls": controls, "pictures": [Figure(SVG.format(self.orders), f"{self.orders} orders", "words")],
                "texts": [Note(BAD, "bad"), Note("all is well", "good")],
                "table": Table(["place", "orders"], [[self.place, self.orders], [BAD, 2]], BAD),
                "flights": self.flights, "said": self.said}

    def digest(self):
        return f"{self.orders} {self.place} {self.rate} {self.slow} {self.word}"
'''
QUESTIONS = [
    "fanout = predict(f'{n}.fanout', 'How often is `handle` called?', {'once': 'Nobody competes.', "
    "'three times': 'One call for each.', 'never': 'The bus calls.'}, sample='once')\nfanout",
    "predict(f'{n}.many', 'How many events?', unit='events', sample=10)",
    "quiz(f'{n}.quiz', 'What must change?', {'nothing': 'A fact names no reader.', "
    "'its list': 'The bus holds it.'}, 'nothing')",
]
ASK = [f"{IMPORTS}\nn = 0", "n += 1", *QUESTIONS,
       "fact = Progress().latest('guess', f'{n}.fanout'); print(fact.value, fact.right)", "fanout.judge('three times')"]
PLAY = [IMPORTS, "toy = Toy()\ntoy", "print(toy.digest())", "toy", "toy.do('order').do('rate', 4); None",
        "again = Toy.replay(open('run.json').read()); print(again.digest() == toy.digest(), toy.digest())"]


def same_page(lab, name, cells):
    """Opens a notebook unless it is the one that is open: a page takes seconds, a cell a fraction of one."""
    if lab.notebook != name:
        (lab.root / "toy.py").write_text(TOY, encoding="utf-8")
        lab.open_notebook(lab.write(name, *cells), height=1800)
        lab.run_cell(0)
    return lab.page


@pytest.fixture
def ask(lab):
    """A notebook with three questions that nobody has answered."""
    page = same_page(lab, "ask.ipynb", ASK)
    for number in range(1, 5):
        lab.run_cell(number)
    page.locator(".evlab-card").nth(2).wait_for()
    return page


@pytest.fixture
def toy(lab):
    """The card of a playground in which nothing has happened."""
    page = same_page(lab, "toy.ipynb", PLAY)
    lab.run_cell(1)
    card = page.locator(".jp-CodeCell").nth(1).locator(".evlab-card")
    card.wait_for()
    return card


def printed(lab, cell):
    """What a cell prints when it is run."""
    lab.run_cell(cell)
    output = lab.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")
    output.first.wait_for()
    return output.last.inner_text().strip()


def answered(card, press):
    """Press, and wait until the card shows Python's answer."""
    before = card.get_attribute("data-n")
    press()
    card.page.wait_for_function("([card, before]) => card.dataset.n !== before", arg=[card.element_handle(), before])


def tab_into(lab, cell, card):
    """Go from a cell to its card by the Tab key, past the buttons that JupyterLab shows over short cells."""
    lab.select_cell(cell)
    for _ in range(8):
        lab.page.keyboard.press("Tab")
        if card.evaluate("card => card.contains(document.activeElement)"):
            return
    raise AssertionError("Tab does not lead into the card")


def clean(lab):
    assert lab.console_errors() == []
    assert lab.foreign_requests() == []


# ------------------------------------------------------------------------------------------------ questions

def test_a_guess_by_mouse_is_recorded_before_the_answer_and_stays_after_it(lab, ask):
    card = ask.locator(".evlab-card").first
    card.get_by_text("once").click()
    answered(card, card.get_by_role("button", name="Commit guess").click)
    assert "Your guess is once" in card.inner_text()
    assert printed(lab, 5) == "once None"
    card.get_by_text("never").click()
    answered(card, card.get_by_role("button", name="Change guess").click)
    assert printed(lab, 5) == "never None"
    assert printed(lab, 6) == "False"
    assert "You guessed never. It was three times." in card.inner_text()
    assert "The bus calls." in card.inner_text() and "Nobody competes." not in card.inner_text()
    assert card.get_by_role("button").count() == 0 and card.get_by_role("radio").count() == 0
    assert printed(lab, 5) == "never False"
    clean(lab)


def test_questions_are_answered_by_keyboard_alone(lab, ask):
    page = ask
    keyboard, first = page.keyboard, page.locator(".evlab-card").nth(0)
    tab_into(lab, 2, first)
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "a", "b", "x"):  # arrows choose; letters must not edit cells
        keyboard.press(key)
    answered(first, lambda: keyboard.press("Enter"))
    assert "Your guess is three times" in first.inner_text()
    keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Change guess"
    keyboard.press("Tab")
    keyboard.type("1,200")
    second = page.locator(".evlab-card").nth(1)
    answered(second, lambda: keyboard.press("Enter"))
    assert "Your guess is 1,200 events" in second.inner_text()
    keyboard.press("Tab")
    keyboard.press("Tab")
    third = page.locator(".evlab-card").nth(2)
    answered(third, lambda: keyboard.press("Space"))
    assert "Right. A fact names no reader." in third.locator(".evlab-status").inner_text()
    assert page.evaluate("document.activeElement.textContent").startswith("\u2713nothing")
    assert page.locator(".jp-Cell").count() == len(ASK)
    assert page.locator(".jp-Notebook .jp-Cell").nth(4).evaluate("cell => cell.classList.contains('jp-mod-active')")
    clean(lab)


def test_what_is_no_number_is_told_at_the_field(ask):
    card = ask.locator(".evlab-card").nth(1)
    card.get_by_role("textbox").fill("many")
    answered(card, card.get_by_role("button").click)
    assert "'many' is not a number." in card.inner_text()
    assert card.get_by_role("textbox").input_value() == "many"
    assert card.get_by_role("textbox").get_attribute("aria-invalid") == "true"


def test_each_choice_of_a_quiz_answers_at_once(lab, ask):
    card = ask.locator(".evlab-card").nth(2)
    answered(card, card.get_by_role("button", name="its list").click)
    assert "Not this one. The bus holds it." in card.inner_text() and "A fact" not in card.inner_text()
    answered(card, card.get_by_role("button", name="nothing").click)
    assert "Right. A fact names no reader." in card.inner_text()
    clean(lab)


def test_a_guess_is_there_again_in_the_next_session(lab):
    (lab.root / "toy.py").write_text(TOY, encoding="utf-8")
    name = lab.write("again.ipynb", f"{IMPORTS}\nn = 'again'", QUESTIONS[0])
    for session in range(2):
        card = lab.open_notebook(name).locator(".evlab-card")
        lab.run_cell(0)
        lab.run_cell(1)
        if session == 0:
            card.get_by_text("never").click()
            answered(card, card.get_by_role("button").click)
        assert card.get_by_label("never").is_checked() and "Your guess is never" in card.inner_text()


# ------------------------------------------------------------------------------------------------ playgrounds

def test_a_press_redraws_and_keeps_the_focus_and_the_controls(lab, toy):
    card = toy
    button = card.get_by_role("button", name="Order", exact=True)
    button.evaluate("button => { button.mine = true }")
    times = []
    for _ in range(5):
        times.append(lab.redraw(card, "Order"))
    print(f"from the press to the new picture: {', '.join(f'{took:.0f}' for took in times)} ms")
    assert card.locator("img").get_attribute("alt") == "5 orders"
    assert card.get_by_role("status").inner_text() == "5 orders."
    assert lab.page.evaluate("document.activeElement.textContent") == "Order"
    assert button.evaluate("button => button.mine === true"), "the controls were built anew"
    clean(lab)


def test_each_kind_of_control_works_by_keyboard_alone(lab, toy):
    card = toy
    page, keyboard = lab.page, lab.page.keyboard
    tab_into(lab, 1, card)
    answered(card, lambda: keyboard.press("Enter"))
    keyboard.press("Tab")
    answered(card, lambda: keyboard.press("ArrowRight"))
    answered(card, lambda: keyboard.press("ArrowUp"))
    assert card.locator(".evlab-value").inner_text() == "3"
    keyboard.press("Tab")
    keyboard.press("Control+a")
    keyboard.type("dd x")  # in a cell's command mode these delete cells
    answered(card, lambda: keyboard.press("Enter"))
    keyboard.press("Tab")
    answered(card, lambda: keyboard.press("ArrowDown"))
    keyboard.press("Tab")
    answered(card, lambda: keyboard.press("Space"))
    assert card.get_by_role("switch").get_attribute("aria-checked") == "true"
    assert page.evaluate("document.activeElement.getAttribute('role')") == "switch"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2
    assert page.locator(".jp-Cell").count() == len(PLAY)
    assert printed(lab, 2) == "1 stock 3 True dd x"
    clean(lab)


def test_what_is_being_typed_survives_a_redraw(lab, toy):
    card = toy
    field = card.get_by_role("textbox", name="Word")
    field.fill("half a wo")
    field.evaluate("field => { field.focus(); field.setSelectionRange(2, 2) }")
    lab.page.evaluate("""() => { window.kept = document.activeElement }""")
    answered(card, lambda: card.get_by_role("button", name="Order", exact=True).evaluate("button => button.click()"))
    assert field.input_value() == "half a wo"
    assert lab.page.evaluate("document.activeElement === window.kept && window.kept.selectionStart") == 2


def test_an_error_is_shown_as_text_and_the_playground_goes_on(lab, toy):
    card = toy
    answered(card, card.get_by_role("button", name="Fail").click)
    alert = card.get_by_role("alert").inner_text()
    assert "The last action failed with RuntimeError: <img src=x" in alert
    answered(card, card.get_by_role("button", name="Order", exact=True).click)
    assert card.get_by_role("alert").count() == 0 and card.get_by_role("status").inner_text() == "1 orders."
    assert lab.page.evaluate("window.pwned") is None
    assert card.locator("script").count() == 0
    clean(lab)


def test_a_blocked_control_is_reached_says_why_and_does_nothing(lab, toy):
    card = toy
    again = card.get_by_role("button", name="Again")
    again.focus()
    assert again.get_attribute("aria-disabled") == "true"
    lab.page.keyboard.press("Enter")
    lab.page.wait_for_timeout(200)
    assert card.get_by_role("status").inner_text() == "Not now: There is no order yet."
    assert "0 actions" in card.inner_text()


def test_focus_moves_on_when_its_control_goes_away(lab, toy):
    card = toy
    answered(card, card.get_by_role("button", name="Hide me").click)
    assert card.get_by_role("button", name="Hide me").count() == 0
    assert lab.page.evaluate("document.activeElement.textContent") == "Copy run"


def test_events_fly_and_a_lost_one_leaves_its_cross(lab, toy):
    card = toy
    places = card.evaluate("""card => new Promise((done) => {
        const seen = new Set(), until = performance.now() + 1400;
        const look = () => {
            card.querySelectorAll('.evlab-stage svg g').forEach((mark) => seen.add(mark.getAttribute('transform')));
            if (performance.now() < until) requestAnimationFrame(look); else done(seen.size);
        };
        [...card.querySelectorAll('button')].find((one) => one.textContent === 'Order').click();
        look();
    })""")
    print(f"places where an event was seen in 0.5 s of flight: {places}")
    assert places > 4
    marks = card.locator(".evlab-stage svg g")
    assert marks.nth(0).get_attribute("visibility") == "hidden"
    assert marks.nth(1).locator("path").get_attribute("visibility") == "visible"
    assert "translate(300 90)" in marks.nth(1).get_attribute("transform")


def test_nothing_moves_where_less_motion_is_wanted(lab):
    (lab.root / "toy.py").write_text(TOY, encoding="utf-8")
    card = lab.open_notebook(lab.write("still.ipynb", *PLAY), still=True).locator(".evlab-card")
    lab.run_cell(0)
    lab.run_cell(1)
    answered(card, card.get_by_role("button", name="Order", exact=True).click)
    marks = card.locator(".evlab-stage svg g")
    before = [marks.nth(number).get_attribute("transform") for number in range(2)]
    assert card.locator(".evlab-stage svg line").count() == 2
    lab.page.wait_for_timeout(300)
    assert [marks.nth(number).get_attribute("transform") for number in range(2)] == before


def test_a_copied_run_replays_to_the_same_state(lab, toy):
    card = toy
    answered(card, card.get_by_role("button", name="Order", exact=True).click)
    answered(card, lambda: card.get_by_label("Place").select_option("stock"))
    card.get_by_role("button", name="Copy run").click()
    text = card.locator("textarea")
    text.wait_for()
    run = text.input_value()
    assert "Toy.replay(r'''...''')" in card.inner_text()
    assert json.loads(run)["actions"] == [["order", None], ["place", "stock"]]
    assert lab.page.evaluate("document.activeElement.selectionEnd") == len(run)
    (lab.root / "run.json").write_text(run, encoding="utf-8")
    assert printed(lab, 5) == "True 1 stock 1 False order"
    text.focus()
    lab.page.keyboard.press("Escape")
    assert text.is_hidden() and lab.page.evaluate("document.activeElement.textContent") == "Copy run"
    answered(card, card.get_by_role("button", name="Reset").click)
    assert "seed 7 \u00b7 0 actions" in card.inner_text()
    assert card.locator("img").get_attribute("alt") == "0 orders"
    clean(lab)


def test_a_busy_python_is_told(lab, toy):
    card = toy
    card.get_by_role("button", name="Sleep").click()
    lab.page.wait_for_timeout(900)
    assert "waiting for Python" in card.inner_text() and card.get_attribute("aria-busy") == "true"
    card.get_by_text("1 action").wait_for(timeout=10_000)
    assert card.get_attribute("aria-busy") is None


def test_a_late_answer_does_not_move_a_slider_back(lab, toy):
    card = toy
    value = card.locator(".evlab-value")
    value.evaluate("""value => { window.seen = [];
        new MutationObserver(() => window.seen.push(value.textContent)).observe(value, {childList: true}) }""")
    card.get_by_role("button", name="Sleep").click()
    card.get_by_role("slider").focus()
    lab.page.keyboard.press("End")
    card.get_by_text("2 actions").wait_for(timeout=10_000)
    assert lab.page.evaluate("window.seen") == ["9"] and value.inner_text() == "9"


def test_code_and_a_second_view_show_the_same_state(lab, toy):
    lab.run_cell(3)
    lab.run_cell(4)
    cards = lab.page.locator(".evlab-card")
    assert cards.count() == 2
    for number in range(2):
        assert cards.nth(number).locator(".evlab-value").inner_text() == "4"
        assert cards.nth(number).locator("img").get_attribute("alt") == "1 orders"
    ids = lab.page.evaluate("[...document.querySelectorAll('.evlab-card [id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


# ------------------------------------------------------------------------------------------------ how it looks

def light(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


PALE = """card => [...card.querySelectorAll('*')].filter((one) => one.offsetParent && !one.closest('svg')
      && [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())).map((one) => {
    let behind = one;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    return [one.textContent.slice(0, 30), getComputedStyle(one).color, getComputedStyle(behind).backgroundColor,
            parseFloat(getComputedStyle(one).fontSize)];
})"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_is_readable_and_nothing_leaves_the_card(lab, dark):
    (lab.root / "toy.py").write_text(TOY, encoding="utf-8")
    page = lab.open_notebook(lab.write("look.ipynb", f"{IMPORTS}\nn = 'look'", *QUESTIONS, "Toy()", "show(Toy.act)"),
                             dark=dark, height=2600)
    lab.run_all()
    cards = page.locator(".evlab-card")
    assert cards.count() == 4
    answered(cards.nth(3), cards.nth(3).get_by_role("button", name="Fail").click)
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 2600})
        page.wait_for_timeout(500)
        for number in range(4):
            look_at(cards.nth(number), width)
    source = page.locator(".jp-RenderedHTML pre")
    assert light(source.evaluate("one => getComputedStyle(one).backgroundColor")) > 0.9
    clean(lab)


def look_at(card, width):
    for words, ink, paper, size in card.evaluate(PALE):
        low, high = sorted((light(ink), light(paper)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (words, ink, paper)
        assert size >= 11, (words, size)
    box = card.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    assert card.evaluate("card => card.scrollWidth <= card.clientWidth")
    assert card.evaluate("card => getComputedStyle(card).backgroundColor") == "rgb(255, 255, 255)"


def test_a_saved_notebook_reads_without_trust_and_without_a_kernel(lab, tmp_path):
    (lab.root / "toy.py").write_text(TOY, encoding="utf-8")
    name = lab.write("saved.ipynb", f"{IMPORTS}\nn = 'saved'", *QUESTIONS, "show(Toy.act)", "Toy().do('order')")
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", name], cwd=lab.root,
        env=os.environ | {"EVLAB_SAVED": "1", "EVLAB_HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path),
                          "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    text = (lab.root / name).read_text(encoding="utf-8")
    assert "widget-view" not in text and "widget-state" not in text
    page = lab.open_notebook(name, dark=True)
    outputs = page.locator(".jp-OutputArea-output")
    assert "sample guess" in outputs.nth(0).inner_text() and "10 events" in outputs.nth(1).inner_text()
    details = outputs.nth(2).locator("details")
    assert "A fact names no reader." not in outputs.nth(2).inner_text()
    details.locator("summary").click()
    assert "A fact names no reader." in outputs.nth(2).inner_text()
    picture = outputs.nth(4).locator("img")
    assert picture.get_attribute("alt") == "1 orders" and picture.evaluate("image => image.naturalWidth") == 600
    for number in range(5):
        card = outputs.nth(number).locator("div[style]").first
        assert card.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("window.pwned") is None
    clean(lab)


def test_a_reloaded_page_shows_the_same_state_and_flies_nothing_again(lab, toy):
    card = toy
    answered(card, card.get_by_role("button", name="Order", exact=True).click)
    lab.page.keyboard.press("Control+s")
    lab.page.wait_for_timeout(800)
    lab.open_notebook("toy.ipynb", fresh=False)
    card = lab.page.locator(".evlab-card").first
    card.wait_for(timeout=20_000)
    assert card.locator("img").get_attribute("alt") == "1 orders"
    assert card.locator(".evlab-stage svg g").count() == 0
    answered(card, card.get_by_role("button", name="Order", exact=True).click)
    assert card.locator("img").get_attribute("alt") == "2 orders"
