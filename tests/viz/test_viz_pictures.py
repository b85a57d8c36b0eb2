"""Topology, and guess against truth."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.viz import Subscriber, Topology, compare, topology

NAMESPACE = "{http://www.w3.org/2000/svg}"
FULL = Topology(["order-service", "payment"], "bus", [
    ("email", "order.placed", "crashed", 12, 3, 0), ("inventory", "order.*", "ok", 15),
    ("analytics", "#", "slow", 4, 1_234_567), ("fraud", "payment.#", "failing", 9, 0, 3)])


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


# ------------------------------------------------------------------------------------------------ topology

def test_a_topology_shows_names_patterns_states_and_counts(drawings):
    figure = topology(FULL, title="Email is down, the order goes through", lit=["inventory"], key="order.placed")
    shown = set(texts_of(figure))
    assert {"order-service", "bus", "email", "order.*", "crashed", "slow", "failing", "12 delivered", "3 waiting",
            "3 dead letters", "order.placed"} <= shown
    assert clean(drawings[-1])
    assert "email is crashed" in figure.alt and "goes to inventory" in figure.alt
    lines = figure.text.split("\n")
    assert [line.split()[0] for line in lines[3:]] == ["email", ">", "analytics", "fraud"]
    assert "12 delivered, 3 waiting" in figure.text


def test_a_bus_is_understood_by_what_it_has():
    bus = SimpleNamespace(subscriptions=[SimpleNamespace(name="email", pattern="order.*")])
    assert topology(bus, title="One", producers=["shop"]).text == topology(
        Topology(["shop"], "bus", [Subscriber("email", "order.*")]), title="One").text


def test_the_real_bus_can_be_drawn():
    from evlab.bus import Bus

    bus = Bus()
    bus.subscribe("order.*", lambda event: None, name="email")
    figure = topology(bus, title="One subscriber", producers=["shop"])
    assert {"shop", "email", "order.*"} <= set(texts_of(figure))


def test_nobody_on_either_side_is_said(drawings):
    figure = topology(Topology(), title="Nobody")
    assert "no producer yet" in texts_of(figure) and "producers: none" in figure.text
    assert clean(drawings[-1])


def test_lit_arrows_differ_and_only_one_producer_is_lit_unasked():
    plain = topology(FULL, title="t").svg
    assert plain.count("#FFE694") == 0
    assert topology(FULL, title="t", lit="email").svg.count("#FFE694") == 1
    assert topology(FULL, title="t", lit=["payment", "fraud"]).svg.count("#FFE694") == 2
    assert topology(Topology(["shop"], "bus", ["email"]), title="t", lit=["email"]).svg.count("#FFE694") == 2


@pytest.mark.parametrize("arguments", [
    {"bus": 7}, {"bus": FULL, "lit": ["nobody"]}, {"bus": FULL, "title": " "},
    {"bus": Topology(subscribers=[("email", "#", "sleepy")])}])
def test_a_topology_that_makes_no_sense_is_refused(arguments):
    arguments = {"title": "t", **arguments}
    with pytest.raises(InvalidUse):
        topology(arguments.pop("bus"), **arguments)


def test_hostile_names_do_no_harm_in_a_topology(hostile, drawings):
    figure = topology(Topology([hostile] * 3, hostile, [(hostile + str(i), hostile, "slow", 10**12, 10**12, 10**12)
                                                        for i in range(3)]), title=f"x{hostile}", key=hostile)
    assert "<script" not in figure.svg and clean(drawings[-1])


# ------------------------------------------------------------------------------------------------ compare

def guess(value, options=None, sample=False, unit="", prompt="How many?"):
    return SimpleNamespace(id="01.q", prompt=prompt, guess=value, sample=sample, options=options, unit=unit)


@pytest.mark.parametrize(("guessed", "actual", "words"), [
    (120, 955, "Your guess: 120 ms. The truth: 955 ms, 8 times the guess."),
    (955, 955, "Your guess is right: 955 ms."),
    (900, 955, "Your guess: 900 ms. The truth: 955 ms, 6% more than guessed."),
    (50_000, 3, "Your guess: 50,000 ms. The truth: 3 ms; the guess is 16,667 times that."),
    (0, 7, "Your guess: 0 ms. The truth: 7 ms, off by 7 ms."),
    (-3, 7, "Your guess: -3 ms. The truth: 7 ms, off by 10 ms."),
    (None, 7, "No guess recorded. The truth: 7 ms."),
    (0.001, 0.0025, "Your guess: 0.001 ms. The truth: 0.0025 ms, 2.5 times the guess.")])
def test_a_number_is_compared_in_words_and_on_one_scale(guessed, actual, words, drawings):
    figure = compare(guess(guessed, unit="ms"), actual, title="The finding")
    assert figure.alt == f"The finding. {words}" and figure.text.endswith(words)
    shown = texts_of(figure)
    assert f"truth: {actual:,} ms" in shown
    assert any(text.startswith("your guess:") for text in shown) is (guessed is not None)
    assert clean(drawings[-1])


@settings(deadline=None)
@given(st.one_of(st.none(), st.floats(-1e12, 1e12), st.integers(-10**9, 10**9)), st.floats(-1e12, 1e12))
def test_any_two_numbers_can_be_compared(guessed, actual):
    figure = compare(guess(guessed), actual, title="The finding")
    ElementTree.fromstring(figure.svg)


OPTIONS = {"0": "That is at most once.", "1": "The ack never left.", "2": None}


def test_a_wrong_choice_is_marked_beside_the_truth_with_its_own_feedback(drawings):
    figure = compare(guess("0", OPTIONS), "2", title="Two charges", why="The broker knows what was acked.")
    shown = texts_of(figure)
    assert {"your guess", "the truth", "That is at most once.", "Why: The broker knows what was acked."} <= set(shown)
    assert "The ack never left." not in shown and clean(drawings[-1])
    assert "✗ 0   (your guess)" in figure.text and "✓ 2   (the truth)" in figure.text


def test_a_right_choice_says_so_and_shows_no_feedback():
    figure = compare(guess("2", OPTIONS), "2", title="Two charges")
    assert "Your guess is right: 2." in texts_of(figure) and "the truth and your guess" in texts_of(figure)
    assert "That is at most once." not in texts_of(figure)


def test_a_sample_guess_is_called_one_and_never_the_learners():
    for value, options, truth in (("0", OPTIONS, "2"), (3, None, 4), (4, None, 4)):
        figure = compare(guess(value, options, sample=True), truth, title="t")
        everything = figure.alt + figure.text + " ".join(texts_of(figure))
        assert "ample guess" in everything and "our guess" not in everything


def test_no_guess_shows_the_truth_alone():
    figure = compare(guess(None, OPTIONS), "2", title="Two charges")
    assert "No guess recorded. The truth: 2." in texts_of(figure)
    assert "your guess" not in texts_of(figure)


def test_a_truth_that_was_no_option_is_shown_all_the_same():
    assert "7" in texts_of(compare(guess("0", OPTIONS), "7", title="Surprise"))


def test_hostile_words_do_no_harm_in_a_comparison(hostile, drawings):
    figure = compare(guess(hostile, {hostile: hostile, "other": hostile}, prompt=hostile), "other", title=f"x{hostile}",
                     why=hostile)
    assert "<script" not in figure.svg and clean(drawings[-1])


def test_a_comparison_without_a_title_is_refused():
    with pytest.raises(InvalidUse):
        compare(guess(1), 1, title="")


def test_pictures_need_neither_matplotlib_nor_pandas_nor_ipython():
    code = ("import sys, evlab.viz\nassert not {'matplotlib', 'pandas', 'IPython', 'ipywidgets'} & set(sys.modules)\n"
            "import evlab.viz.timeline\nassert callable(evlab.viz.timeline)")
    subprocess.run([sys.executable, "-c", code], check=True)
