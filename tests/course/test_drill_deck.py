"""The deck of drill cards: every card keeps the rules, and code proves its answer."""

from __future__ import annotations

import contextlib
import copy
import re
import subprocess
import sys

import pytest
from drill_deck import CARDS, PROOF, cards, write_course, write_topic
from hypothesis import given
from hypothesis import strategies as st

from evlab.course.data import course_folder
from evlab.course.drills import DeckError, lint, load_deck, prove, uncovered
from evlab.course.drills.cards import Numeric
from evlab.course.drills.numeric import InvalidFormula, evaluate, fill, is_close, mixed, variant
from evlab.course.workspace import course_notebooks
from evlab.errors import InvalidUse

REAL = course_folder() / "data" / "drills"
NO_DECK = "data/drills holds no cards yet"
try:
    REAL_CARDS = list(load_deck(REAL).cards)
except DeckError:  # none yet, or a broken one, which the first test names
    REAL_CARDS = []


@pytest.fixture
def course(tmp_path):
    return write_course(tmp_path / "course")


def faults(course):
    return [(fault.card, fault.what) for fault in lint(course / "data" / "drills")]


# ------------------------------------------------------------------------------------------ the real deck


def test_every_file_of_the_deck_keeps_every_rule():
    if not REAL.is_dir():
        pytest.skip(NO_DECK)
    assert [str(fault) for fault in lint(REAL)] == []


@pytest.mark.parametrize("card", REAL_CARDS, ids=lambda card: card.id)
def test_the_proof_of_a_card_holds_and_its_false_twin_fails(card):
    proved = prove(card)
    assert proved.ok, f"{card.topic}.yaml: {card.id}: {proved}"


@pytest.mark.parametrize("card", [card for card in REAL_CARDS if card.numeric], ids=lambda card: card.id)
def test_the_proof_of_a_numeric_card_holds_for_other_numbers_too(card):
    for seed in range(1, 8):
        assert prove(card, seed).ok, (seed, variant(card.numeric, seed), str(prove(card, seed)))


def test_what_the_plan_promises_for_the_notebooks_that_exist_is_covered():
    if not REAL_CARDS:
        pytest.skip(NO_DECK)
    there = [name.rpartition("/")[2][:2] for name in course_notebooks()]
    assert [item.id for item in uncovered(load_deck(REAL), there)] == []


def test_the_plan_holds_every_point_of_the_syllabus_in_order():
    if not (REAL / "plan.yaml").exists():
        pytest.skip(NO_DECK)
    wanted = [f"{kind}-{n}" for kind, count in (("talking-point", 5), ("question", 4), ("takeaway", 5))
              for n in range(1, count + 1)]
    assert [item.id for item in load_deck(REAL).plan] == wanted


# --------------------------------------------------------------------------------------------- the linter


def test_a_deck_without_faults_is_read_in_course_order(course):
    assert faults(course) == []
    deck = load_deck(course / "data" / "drills")
    assert [card.id for card in deck.cards] == [card["id"] for card in CARDS]
    assert deck.card("no-ack").level == "mid" and deck.titles == {"pub-sub": "Publish & subscribe"}
    assert [item.id for item in uncovered(deck, ["01"])] == ["talking-point-1"]


def test_junior_cards_come_before_those_of_later_notebooks_and_higher_levels(course):
    write_topic(course, [cards("not-yet")[0] | {"id": "later", "notebook": "01", "level": "staff", "prompt": "Now?"},
                         cards("not-yet")[0] | {"id": "first", "notebook": "00", "prompt": "And now?"}], "a-topic")
    ids = [card.id for card in load_deck(course / "data" / "drills").cards]
    assert ids[0] == "first" and ids.index("later") == len(ids) - 3


def set_at(path, value):
    """A change to a card: `set_at("options.0.why", "")`; `None` takes the key away."""

    def change(card):
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in way:
            card = card[step]
        if value is None:
            del card[last]
        else:
            card[last] = value

    return change


BROKEN = [
    ("late-subscriber", set_at("colour", "red"), "the key 'colour' is unknown here"),
    ("late-subscriber", set_at("rubric", []), "the key 'rubric' is unknown here"),
    ("late-subscriber", set_at("answer", None), "answer is missing"),
    ("late-subscriber", set_at("answer", "word " * 61), "answer has 61 words; 60 is the most"),
    ("late-subscriber", set_at("answer", True), "answer is not text"),
    ("late-subscriber", set_at("level", "boss"), "level 'boss' is not one of junior"),
    ("late-subscriber", set_at("kind", "essay"), "kind 'essay' is not one of choice"),
    ("late-subscriber", set_at("kind", ["choice"]), "kind ['choice'] is not one of choice"),
    ("late-subscriber", set_at("notebook", 2), "notebook 2 is not two digits in quotes"),
    ("late-subscriber", set_at("notebook", "25"), "notebook '25' is not two digits in quotes"),
    ("late-subscriber", set_at("syllabus", ["takeaway-9"]), "the plan has no item 'takeaway-9'"),
    ("late-subscriber", set_at("syllabus", "takeaway-1"), "syllabus is not a list"),
    ("late-subscriber", set_at("prompt", "What is a bus?"), "bare definition"),
    ("late-subscriber", set_at("prompt", "Define idempotency."), "bare definition"),
    ("late-subscriber", set_at("pitfalls", []), "pitfalls is not a list of 1 to 3"),
    ("late-subscriber", set_at("pitfalls", ["word " * 41]), "pitfalls 1 has 41 words"),
    ("late-subscriber", set_at("follow_ups", ["a", "b", "c", "d"]), "follow_ups is not a list of 1 to 3"),
    ("late-subscriber", set_at("follow_ups", [3]), "follow_ups 1 is not text"),
    ("late-subscriber", set_at("options", [{"text": "a", "why": "b", "right": True}]), "options is not a list of 3"),
    ("late-subscriber", set_at("options.0.right", True), "2 options are right; one is"),
    ("late-subscriber", set_at("options.1.right", False), "0 options are right; one is"),
    ("late-subscriber", set_at("options.1.right", "yes"), "option 2: right is 'yes', not true or false"),
    ("late-subscriber", set_at("options.0.why", None), "option 1: why is missing"),
    ("late-subscriber", set_at("options.0.why", " "), "option 1: why is not text"),
    ("late-subscriber", set_at("options.0.text", 3), "option 1: text is not text"),
    ("late-subscriber", set_at("options.0.text", "E2 ALONE"), "two options say the same"),
    ("late-subscriber", set_at("options.0", "e1"), "option 1 is not a table"),
    ("late-subscriber", set_at("proof", None), "proof is missing"),
    ("late-subscriber", set_at("proof.code", "from evlab import Bus\nBus("), "proof: code does not compile"),
    ("late-subscriber", set_at("proof.holds", "seen = 1"), "proof: holds does not compile"),
    ("late-subscriber", set_at("proof.fails", PROOF["holds"]), "proof: holds and fails are the same"),
    ("late-subscriber", set_at("proof.code", "seen = ['e2']"), "proof: code does not use evlab"),
    ("late-subscriber", set_at("proof.holds", "True"), "proof: holds looks at nothing that the code has made"),
    ("late-subscriber", set_at("proof.fails", "len([]) == 3"), "proof: fails looks at nothing that the code has made"),
    ("backlog", set_at("proof.holds", "answer == rate * wait"), "proof: holds looks at nothing that the code has made"),
    ("late-subscriber", set_at("prompt", "Email subscribes late! Why?"), "prompt holds an exclamation mark"),
    ("late-subscriber", set_at("answer", "It gets exactly-once delivery."), "answer holds a promise nobody can keep"),
    ("late-subscriber", set_at("options.1.why", "It just was there."), "options 2 holds a filler word"),
    ("late-subscriber", set_at("options.1.text", "Simply e2"), "options 2 holds a filler word"),
    ("late-subscriber", set_at("pitfalls", ["Simply wrong."]), "pitfalls 1 holds a filler word"),
    ("bus-or-call", set_at("rubric.0.point", "just a number"), "rubric 1 holds a filler word"),
    ("late-subscriber", set_at("proof.code", "import evlab\n" + "x = 1\n" * 25), "proof: code has 26 lines"),
    ("late-subscriber", set_at("proof.code", "from evlab import Bus\nBus()._handlers"), "uses _handlers, which is no"),
    ("late-subscriber", set_at("proof.code", "from evlab.bus import _match"), "uses _match, which is no public"),
    ("four-steps", set_at("items", ["a", "b"]), "items is not a list of 3 to 6"),
    ("four-steps", set_at("items", ["a", "b", "a"]), "items says the same twice"),
    ("no-ack", set_at("text", "No gap at all"), "text has 0 gaps"),
    ("no-ack", set_at("text", "{a} b {c} {d} {e} {f}"), "text has 5 gaps"),
    ("no-ack", set_at("text", "No {ack|} here"), "gap 1 has an empty answer"),
    ("no-ack", set_at("text", "No {ack here }{"), "text has a brace"),
    ("no-ack", set_at("text", "{ack}."), "text is nothing but gaps"),
    ("backlog", set_at("numeric.answer", "rate * pi"), "the name 'pi' is not drawn"),
    ("backlog", set_at("numeric.answer", "rate / (wait - 5)"), "it divides by zero"),
    ("backlog", set_at("numeric.answer", "__import__('os')"), "is not arithmetic"),
    ("backlog", set_at("numeric.answer", "7 + 0 * rate"), "the answer is the same whatever is drawn"),
    ("backlog", set_at("numeric.draw.rate", [50, 20, 10]), "rate is not [low, high, step]"),
    ("backlog", set_at("numeric.draw.burst", [1, 2, 1]), "the prompt does not say {burst}"),
    ("backlog", set_at("prompt", "At {rate} for {wait} of {speed}?"), "says {speed}, which is not drawn"),
    ("backlog", set_at("numeric.tolerance", 5), "tolerance 5 is not a share"),
    ("backlog", set_at("numeric.unit", None), "numeric: unit is missing"),
    ("charged-twice", set_at("trace", None), "trace is missing"),
    ("charged-twice", set_at("trace", "one line"), "trace has not 2 to 30 lines"),
    ("bus-or-call", set_at("rubric.0.weight", 0.6), "the weights of the rubric sum to 1.1, not 1"),
    ("bus-or-call", set_at("rubric.0.weight", "half"), "rubric point 1: weight 'half' is not a number"),
    ("bus-or-call", set_at("answer", "It depends."), "an open answer names a number"),
    ("bus-or-call", set_at("answer", "All 3 of them."), "an open answer says what it depends on"),
]


@pytest.mark.parametrize(("id", "change", "wanted"), BROKEN, ids=[wanted for _, _, wanted in BROKEN])
def test_a_fault_is_named_with_its_card_and_nothing_else_is(course, id, change, wanted):
    entries = cards()
    change(next(card for card in entries if card["id"] == id))
    write_topic(course, entries)
    found = faults(course)
    assert [card for card, what in found if wanted in what] == [id]
    assert {card for card, _ in found} == {id}


def test_every_fault_of_every_file_is_found_at_once(course):
    write_topic(course, [cards("no-ack")[0] | {"id": "Bad Id", "level": "boss"}, "a text"], "second")
    write_topic(course, [cards("no-ack")[0] | {"prompt": "Another?"}], "third")
    said = [str(fault) for fault in lint(course / "data" / "drills")]
    assert sum("Bad Id" in line for line in said) == 3  # id, level, and the prompt of another card
    assert any(line.startswith("second.yaml: card 2: a card is a table") for line in said)
    assert "third.yaml: no-ack: the id stands in pub-sub.yaml too; an id is there once in all files" in said


@pytest.mark.parametrize(("text", "wanted"), [
    ("topic: x\ntopic: x\n", "'topic' stands there twice"), ("topic: [", "line "), ("- 1", "no table"),
    ("topic: x\ntitle: X\ncards: []", "cards is not a list"), ("\xff", "codec"), ("", "no table"),
    ("topic: y\ntitle: X\ncards: [1]", "is not the file's name"), ("1: x", "is not text; quote it"),
    ("topic: x\ntitle: X\ncards: !!python/object/apply:os.getcwd []", "could not determine a constructor")])
def test_a_file_that_is_no_deck_is_named(course, text, wanted):
    (course / "data" / "drills" / "x.yaml").write_bytes(text.encode("latin-1"))
    found = [fault for fault in lint(course / "data" / "drills") if fault.file == "x.yaml"]
    assert any(wanted in fault.what for fault in found), found


def test_a_broken_deck_is_an_error_with_file_card_and_next_step(course):
    entries = cards()
    entries[2]["level"] = "boss"
    write_topic(course, entries)
    with pytest.raises(DeckError, match=r"data/drills/pub-sub\.yaml is damaged at card 'no-ack'") as error:
        load_deck(course / "data" / "drills")
    assert error.value.card == "no-ack" and "level" in error.value.why and "--lint" in error.value.next_step


def test_a_course_without_cards_says_so(tmp_path):
    with pytest.raises(DeckError, match="no drill cards"):
        load_deck(tmp_path)


def test_an_unknown_topic_level_or_card_is_refused_with_the_known_ones(course):
    deck = load_deck(course / "data" / "drills")
    with pytest.raises(InvalidUse) as refused:
        deck.select(topic="pubsub")
    assert "pub-sub" in refused.value.next_step
    for call in (lambda: deck.select(level="boss"), lambda: deck.card("nothing")):
        with pytest.raises(InvalidUse):
            call()


def test_a_deck_of_two_hundred_cards_is_read(course):
    many = [card | {"id": f"{card['id']}-{n}", "prompt": f"{card['prompt']} ({n})"} for n in range(40)
            for card in cards("late-subscriber", "four-steps", "no-ack", "backlog", "bus-or-call")]
    write_topic(course, many)
    assert len(load_deck(course / "data" / "drills").cards) == 200


# ---------------------------------------------------------------------------------------------- numbers


def numeric(formula, **draw):
    return Numeric({name: tuple(span) for name, span in draw.items()}, formula, "", 0)


@pytest.mark.parametrize(("formula", "value"), [
    ("2 + 3 * 4", 14), ("-rate ** 2", -100), ("7 // 2 + 7 % 2", 4), ("ceil(rate / 3)", 4), ("floor(-0.5)", -1),
    ("max(rate, 3, 12)", 12), ("min(rate, 3)", 3), ("round(rate / 3, 2)", 3.33), ("+rate", 10), ("1e3 / 8", 125)])
def test_a_formula_is_arithmetic(formula, value):
    assert evaluate(formula, {"rate": 10}) == pytest.approx(value)


@pytest.mark.parametrize("formula", [
    "__import__('os').getcwd()", "rate.real", "[rate][0]", "rate if rate else 1", "lambda: 1", "'a' * 9", "rate = 3",
    "9 ** 9 ** 9", "10 ** 16", "1 / 0", "2 ** 0.5 ** 65", "(-1) ** 0.5", "max()", "max(1)", "True + 1", "x", "", "1 +",
    "rate and 1", "rate > 1", "round(rate, rate=1)", "1" + " + 1" * 45,
    "rate +" + " " * 300 + "1", "(" * 199, "ceil(1e999)", "~rate", "rate @ 2"])
def test_what_is_no_arithmetic_is_refused(formula):
    with pytest.raises(InvalidFormula) as refused:
        evaluate(formula, {"rate": 10})
    assert refused.value.why and refused.value.next_step


@given(st.text(alphabet="rate0123456789.+-*/%() ,maxincelfoud_[]'", max_size=60))
def test_no_text_does_more_than_give_a_number_or_be_refused(formula):
    with contextlib.suppress(InvalidFormula):
        assert abs(evaluate(formula, {"rate": 10})) <= 1e15


def test_a_seed_draws_the_same_numbers_on_every_machine_and_every_value_is_drawn():
    drawn = numeric("rate * wait", rate=[50, 200, 10], wait=[0.1, 0.5, 0.1])
    assert variant(drawn, 7) == ({"rate": 120, "wait": 0.2}, 24)
    seen = {variant(drawn, seed).values["wait"] for seed in range(60)}
    assert seen == {0.1, 0.2, 0.3, 0.4, 0.5}
    assert {variant(drawn, seed).values["rate"] for seed in range(300)} == set(range(50, 201, 10))


@given(st.integers(2, 6), st.integers())
def test_mixed_things_are_all_there_in_another_order(count, seed):
    things = list(range(count))
    assert sorted(mixed(things, seed)) == things != mixed(things, seed) == mixed(things, seed)


def test_drawn_numbers_stand_in_the_text_and_other_braces_stay():
    assert fill('{rate} of {"a": 1} and {other}', {"rate": 1200}) == '1,200 of {"a": 1} and {other}'


@pytest.mark.parametrize(("given_", "answer", "tolerance", "close"), [
    (100, 100, 0, True), (100.0000000001, 100, 0, True), (101, 100, 0, False), (105, 100, 0.05, True),
    (94.9, 100, 0.05, False), (-105, -100, 0.05, True), (0, 0, 0.05, True), (0.1, 0, 0.05, False)])
def test_an_answer_is_close_within_the_tolerance(given_, answer, tolerance, close):
    assert is_close(given_, answer, tolerance) is close


# ----------------------------------------------------------------------------------------------- proofs


def proof_of(course, **changes):
    entry = copy.deepcopy(cards("late-subscriber")[0])
    entry["proof"] |= changes
    write_topic(course, [entry])
    return load_deck(course / "data" / "drills").card("late-subscriber")


def test_a_proof_runs_in_a_fresh_namespace_and_its_prints_come_back(course, capsys):
    card = proof_of(course)
    for _ in range(2):
        proved = prove(card)
        assert proved.ok and proved.printed == "seen: ['e2']\n"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("changes", [
    {"holds": "seen == []"}, {"fails": "len(seen) == 1"}, {"holds": "seen"}, {"fails": "[]"}])
def test_a_proof_that_does_not_hold_or_holds_for_the_misconception_too_is_not_ok(course, changes):
    proved = prove(proof_of(course, **changes))
    assert not proved.ok and "should be True and False" in str(proved)


@pytest.mark.parametrize(("changes", "wanted"), [
    ({"code": "from evlab import Bus\nx = 1 / 0\n"}, "line 2, `x = 1 / 0`: ZeroDivisionError"),
    ({"code": "from evlab import Bus\nraise SystemExit(3)"}, "SystemExit: 3"),
    ({"code": "from evlab import Bus\nBus().subscribe('#', 3, name='x')"}, "line 2, `Bus().subscribe"),
    ({"holds": "nothing == 1"}, "holds: NameError")])
def test_a_proof_that_stops_says_where_and_never_raises(course, changes, wanted):
    proved = prove(proof_of(course, **changes))
    assert not proved.ok and wanted in str(proved)


def test_a_numeric_proof_knows_its_numbers_and_its_answer(course):
    card = load_deck(course / "data" / "drills").card("backlog")
    assert all(prove(card, seed).ok for seed in range(5))


def test_reading_the_deck_loads_no_screen_and_no_scheduler():
    code = ("import sys\nfrom evlab.course.drills import Deck, load_deck, make_due\n"
            "print(sorted({'rich', 'fsrs', 'yaml', 'genanki', 'pandas', 'anywidget', 'click'} & set(sys.modules)))")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"\[\]\n", said)
