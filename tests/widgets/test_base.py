"""The base of the playgrounds: one truth in Python, a view for the browser, runs that replay."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.viz import theme
from evlab.viz.figure import Figure
from evlab.widgets import Button, Flight, ForeignRun, Note, Playground, RunDiffers, Select, Slider, Table, Text, Toggle

FEW = settings(max_examples=40, deadline=None)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" viewBox="0 0 100 50"><text>{}</text></svg>'
HOSTILE = '<img src=x onerror="alert(1)">&\u202e\ud800'


class Shop(Playground):
    """Orders come in at a rate and go to a place; the picture counts them."""

    name, title, lead = "shop", "Orders come in", "Press Order."

    def start(self, seed):
        self.orders, self.place, self.rate, self.doors, self.said = [seed], "email", 1, True, ""

    def act(self, name, value):
        if name == "order":
            self.orders += [self.place] * self.rate
            self.said = f"{self.rate} ordered."
        elif name == "fail":
            self.orders.append("half done")
            raise KeyError("the disk is full")
        else:
            setattr(self, name, value)

    def render(self):
        return {
            "controls": [Button("order", "Order", blocked="" if self.doors else "The shop is closed."),
                         Button("fail", "Fail", look="harm"),
                         Select("place", "Place", options=["email", "stock"], value=self.place),
                         Slider("rate", "Rate", low=1, high=9, value=self.rate),
                         Toggle("doors", "Doors", value=self.doors),
                         Text("said", "Say", value=self.said)],
            "pictures": [Figure(SVG.format(len(self.orders)), f"{len(self.orders)} orders", "the orders")],
            "texts": ["a line", Note("a good line", "good")],
            "table": Table(["place", "orders"], [[self.place, len(self.orders)]], "Now"),
            "flights": [Flight((0, 0), (100, 50), lost=True)],
            "said": self.said,
        }

    def digest(self):
        return json.dumps([self.orders, self.place, self.rate, self.doors, self.said])


# ------------------------------------------------------------------------------------------------ pressing

def test_a_press_changes_the_simulation_and_the_view():
    shop = Shop()
    shop.heard("rate", 3, 1)
    shop.heard("order", None, 2)
    assert shop.orders == [7, "email", "email", "email"]
    assert (shop.view["n"], shop.view["said"], shop.view["count"]) == (2, "3 ordered.", 2)
    assert shop.view["table"]["rows"] == [["email", 4]]


def test_the_simulation_gets_the_value_as_the_control_means_it():
    shop = Shop().do("rate", 2.4).do("said", "two\nlines\u202e")
    assert shop.actions == [["rate", 2], ["said", "two lines\ufffd"]] and shop.rate == 2


def test_a_cell_that_is_no_plain_value_is_shown_as_text():
    class Odd(Shop):
        def render(self):
            return {"table": Table(["a"], [[float("nan")], [None], [("b", 1)], [1.5], [True]])}

    assert Odd().view["table"]["rows"] == [["nan"], ["None"], ["('b', 1)"], [1.5], ["True"]]


def test_code_can_press_what_a_learner_can():
    assert Shop().do("place", "stock").do("order").orders == [7, "stock"]


@pytest.mark.parametrize(("name", "value"), [
    ("rob", None), (["order"], None), (None, None), ("order", 1), ("place", "moon"), ("place", None), ("rate", 10),
    ("rate", True), ("rate", "3"), ("rate", float("nan")), ("doors", 1), ("said", 3), ("said", "x" * 201),
    ("_reset", None)])
def test_a_value_that_no_control_sends_is_refused_and_not_recorded(name, value):
    shop = Shop()
    with pytest.raises(InvalidUse):
        shop.do(name, value)
    assert shop.actions == [] and shop.digest() == Shop().digest()
    assert shop.view["problem"] and shop.view["flights"] == []


def test_a_blocked_control_says_why_and_does_nothing():
    shop = Shop().do("doors", False)
    shop.heard("order", None, 1)
    assert "The shop is closed." in shop.view["problem"] and shop.orders == [7]


def test_an_exception_is_shown_and_the_playground_goes_on():
    shop = Shop().do("order")
    shop.heard("fail", None, 2)
    assert "KeyError: 'the disk is full'" in shop.view["problem"] and shop.view["said"] == ""
    assert isinstance(shop.problem, KeyError)
    shop.heard("order", None, 3)
    assert shop.view["problem"] == "" and shop.orders == [7, "email", "half done", "email"]


def test_an_exception_while_drawing_is_shown_over_the_last_picture():
    class Blind(Shop):
        def render(self):
            if len(self.orders) == 2:
                raise ValueError("no picture")
            return super().render()

    assert Blind.replay({**Shop().do("order").do("order").export()}).view["problem"] == ""
    shop = Blind()
    shop.heard("order", None, 1)
    assert "no picture" in shop.view["problem"] and shop.view["pictures"][0]["alt"] == "1 orders"
    shop.heard("order", None, 2)
    assert shop.view["problem"] == "" and shop.view["pictures"][0]["alt"] == "3 orders"


def test_a_figure_that_cannot_be_shown_is_a_message_and_not_silence():
    class Odd(Shop):
        def render(self):
            shown = super().render()
            return shown if len(self.orders) == 1 else {**shown, "pictures": [Figure("<svg></svg>", "a", "b")]}

    shop = Odd()
    shop.heard("order", None, 1)
    assert "viewBox" in shop.view["problem"] and shop.view["n"] == 1


def test_reset_starts_again_from_the_seed():
    shop = Shop(seed=3).do("order").do("place", "stock")
    shop.heard("_reset", None, 9)
    assert shop.digest() == Shop(seed=3).digest() and shop.actions == []
    assert shop.view["said"] == "Nothing has happened yet."


@pytest.mark.parametrize("message", [None, 3, [], {}, {"action": 4}, {"value": 1}, {"action": "order", "n": "x"}])
def test_a_malformed_message_never_raises(message):
    shop = Shop()
    shop._on_message(shop, message, [])
    assert len(shop.orders) <= 2 and shop.view["n"] is None


@FEW
@given(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_whatever_the_browser_sends_the_view_can_be_sent_back(name, value):
    shop = Shop()
    shop.heard(name, value, 1)
    shop.heard("said", value, 2)
    json.dumps(shop.view, allow_nan=False, ensure_ascii=False).encode()


# ------------------------------------------------------------------------------------------------ runs

ACTIONS = st.lists(st.one_of(
    st.just(("order", None)), st.just(("fail", None)), st.tuples(st.just("place"), st.sampled_from(["email", "stock"])),
    st.tuples(st.just("rate"), st.integers(1, 9)), st.tuples(st.just("doors"), st.booleans()),
    st.tuples(st.just("said"), st.text(max_size=20))), max_size=12)


@FEW
@given(st.integers(0, 99), ACTIONS)
def test_a_replayed_run_ends_in_the_same_state(seed, actions):
    shop = Shop(seed=seed)
    for number, (name, value) in enumerate(actions):
        shop.heard(name, value, number)
    again = Shop.replay(json.dumps(shop.export()))
    assert again.digest() == shop.digest() and again.export() == shop.export()
    assert again.view["problem"] == ""


def test_a_copied_run_pastes_into_the_call_that_replays_it():
    shop = Shop().do("said", 'a "quoted" \\ word')
    sent = []
    shop.send = sent.append
    shop.heard("_export", None, 4)
    call = sent[0]["call"].replace("...", sent[0]["run"])
    assert eval(call, {"Shop": Shop}).digest() == shop.digest() and sent[0]["n"] == 4


def test_an_exported_run_is_plain_and_complete():
    assert Shop(seed=3).do("rate", 2).export() == {
        "playground": "shop", "version": 1, "seed": 3, "actions": [["rate", 2]],
        "digest": '[[3], "email", 2, true, ""]'}


def test_the_exported_run_does_not_change_with_what_follows():
    shop = Shop().do("order")
    run = shop.export()
    shop.do("order")
    assert run["actions"] == [["order", None]]


@pytest.mark.parametrize("change", [
    {"playground": "bank"}, {"version": 2}, {"actions": None}, {"actions": [["order"]]}, {"actions": ["order"]},
    {"actions": [["rob", None]]}, {"actions": [["rate", 99]]}])
def test_a_foreign_run_is_refused(change):
    with pytest.raises(ForeignRun):
        Shop.replay({**Shop().do("order").export(), **change})


@pytest.mark.parametrize("run", ["not JSON", "[]", 3, None, {}])
def test_what_is_no_run_is_refused(run):
    with pytest.raises(ForeignRun):
        Shop.replay(run)


@pytest.mark.parametrize("seed", ["7", None, 1.5, True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InvalidUse):
        Shop(seed=seed)


def test_a_run_that_ends_elsewhere_is_told():
    run = Shop().do("order").export()
    with pytest.raises(RunDiffers) as caught:
        Shop.replay({**run, "actions": [["order", None], ["order", None]]})
    assert caught.value.expected == run["digest"]


# ------------------------------------------------------------------------------------------------ static and saved

def test_a_saved_playground_is_a_card_alone(monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")
    opened = []
    monkeypatch.setattr("comm.create_comm", lambda **kwargs: opened.append(kwargs))
    shop = Shop().do("order")
    bundle = shop._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and opened == []
    assert '<img alt="2 orders" src="data:image/svg+xml;base64,' in bundle["text/html"]
    assert bundle["text/plain"] == ("Playground: Orders come in\n1 ordered.\nthe orders\na line\n\u2713 a good line\n"
                                    "Now\nplace  orders\nemail  2")
    assert Shop().do("order")._repr_mimebundle_() == bundle


def test_a_live_playground_carries_its_card_as_a_fallback(monkeypatch):
    monkeypatch.delenv("EVLAB_SAVED", raising=False)
    bundle, _ = Shop()._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}


def test_the_printed_form_names_no_address():
    assert repr(Shop().do("order")) == "Shop(seed=7) after 1 actions"


def test_the_static_card_uses_only_styles_that_survive_an_untrusted_view():
    html = Shop()._as_html()
    styles = {part.split(":")[0].strip() for style in re.findall(r'style="([^"]*)"', html) for part in style.split(";")}
    kept = {"background", "border", "border-bottom", "border-collapse", "border-radius", "box-sizing", "color",
            "font-family", "font-size", "font-weight", "height", "letter-spacing", "line-height", "margin",
            "max-width", "padding", "text-align"}
    assert styles <= kept


def test_hostile_text_reaches_no_markup():
    class Hostile(Shop):
        title = HOSTILE

        def render(self):
            return {"texts": [HOSTILE], "said": HOSTILE, "table": Table([HOSTILE], [[HOSTILE]], HOSTILE),
                    "controls": [Text("said", HOSTILE, value=HOSTILE)]}

    shop = Hostile()
    assert "<img src=x" not in shop._as_html() and "\u202e" not in shop._as_html()
    assert "\ud800" not in shop._as_text() and "\u202e" not in shop._as_text()
    json.dumps(shop.view, ensure_ascii=False).encode()


# ------------------------------------------------------------------------------------------ what authors get wrong

def test_render_says_what_it_may_return():
    class Wrong(Shop):
        def render(self):
            return {"picture": 1}

    with pytest.raises(InvalidUse, match="picture"):
        Wrong()


def test_two_controls_with_one_id_are_refused():
    class Wrong(Shop):
        def render(self):
            return {"controls": [Button("a", "A"), Button("a", "B")]}

    with pytest.raises(InvalidUse, match="two controls"):
        Wrong()


def test_an_attribute_that_would_break_the_widget_is_refused():
    class Wrong(Shop):
        def start(self, seed):
            super().start(seed)
            self.open = True

    with pytest.raises(InvalidUse, match=r"self\.open"):
        Wrong()


@pytest.mark.parametrize("make", [
    lambda: Button("Order", "x"), lambda: Button("_reset", "x"), lambda: Button("a", ""),
    lambda: Button("a", "x", look="pink"), lambda: Select("a", "x", options=["b"], value="c"),
    lambda: Slider("a", "x", low=2, high=1, value=1), lambda: Slider("a", "x", low=0, high=1, value=5),
    lambda: Slider("a", "x", low=0, high=1, value=0, step=0), lambda: Note("a", "loud"),
    lambda: Table(["a", "b"], [[1]])])
def test_a_control_that_cannot_work_is_refused_when_it_is_made(make):
    with pytest.raises(InvalidUse):
        make()


def test_a_slider_sends_exact_steps():
    slider = Slider("a", "A", low=0, high=1, step=0.1, value=0)
    assert slider.accept(0.30000000000000004) == 0.3 and slider.accept(0.26) == 0.3 and slider.accept(1.0) == 1
    assert repr(Slider("a", "A", low=0, high=9, value=0).accept(3.0)) == "3"


# ------------------------------------------------------------------------------------------------ style and weight

STATIC = Path(sys.modules[Playground.__module__].__file__).parent / "static"


def test_the_style_sheet_has_the_colours_of_the_theme():
    css = (STATIC / "evlab.css").read_text(encoding="utf-8")
    wanted = {"ink": theme.INK, "muted": theme.MUTED, "line": theme.LINE, "card": theme.CARD,
              "blue": theme.BLUE.main, "blue-tint": theme.BLUE.tint, "blue-text": theme.BLUE.text,
              "green": theme.GREEN.main, "green-tint": theme.GREEN.tint, "green-text": theme.GREEN.text,
              "vermillion": theme.VERMILLION.main, "vermillion-tint": theme.VERMILLION.tint,
              "vermillion-text": theme.VERMILLION.text, "sky-text": theme.SKY.text}
    assert {name: re.search(rf"--{name}: (#\w+);", css)[1] for name in wanted} == wanted


@pytest.mark.parametrize("name", ["evlab.css", "playground.js", "question.js"])
def test_the_browser_loads_nothing_from_elsewhere_and_sets_no_html(name):
    text = (STATIC / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    for forbidden in ("http:", "https:", "//cdn", "@import", "import ", "innerHTML", "outerHTML", "insertAdjacent",
                      "eval(", "fetch(", "document.write"):
        assert forbidden not in text, forbidden


def test_importing_the_package_of_widgets_loads_no_widget_library():
    code = "import sys, evlab.widgets, evlab.widgets.card, evlab.widgets.view; print('ipywidgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
