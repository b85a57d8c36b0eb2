"""The proof of a lab finds every kind of fault that a lab can have: each is planted into the README's small lab."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from drill_deck import cards, write_topic
from small_lab import MASTER, NAME, ROOT, small_course

from evlab.course.authoring import write_labs
from evlab.course.data import CourseFileError
from evlab.course.judge.answers import Answers
from evlab.course.judge.labs import _read_hints, load_lab
from evlab.course.judge.question import Lab
from evlab.course.proving import prove
from evlab.course.variants import Fault, blamed_codes, read_variant


@pytest.fixture
def course(tmp_path, monkeypatch):
    course = small_course(tmp_path / "course")
    monkeypatch.setenv("EVLAB_COURSE", str(course))
    write_labs(course=course)
    return course


def proved(seeds=2, **more):
    return prove(NAME, seeds=seeds, jobs=1, **more)


def lines(proof):
    return [str(one) for one in proof.broken]


def edit(course, name, old, new):
    path = course / "labs/authoring" / NAME / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    load_lab.cache_clear()


def test_a_lab_that_is_right_breaks_no_rule_and_each_set_of_answers_has_its_row(course):
    told = []
    proof = proved(tell=lambda done, total: told.append((done, total)))
    assert proof.ok and lines(proof) == []
    assert [(row.variant.kind, row.found == row.expected) for row in proof.rows] == [
        ("master", True), ("right", True), ("mutant", True), ("mutant", True), ("untouched", True)]
    assert told[0] == (0, 10) and told[-1] == (10, 10) and told == sorted(told)


def test_two_processes_find_what_one_finds(course):
    one, two = proved(seeds=6), prove(NAME, seeds=6, jobs=2)
    assert [(row.variant.name, row.verdicts) for row in one.rows] == [(row.variant.name, row.verdicts)
                                                                       for row in two.rows]


def test_seeds_are_spread_over_wrong_answers_and_right_ones_meet_all(course):
    proof = proved(seeds=5, wrong_seeds=3)
    assert [row.seeds for row in proof.rows] == [[0, 1, 2, 3, 4]] * 2 + [[1, 2, 3], [0, 1, 4], [2, 3, 4]]


MUTANT = "mutants/q1_sums_all.py"
PLANTED = [
    ("rights/by_dictionary.py", "values())", "values()) + 1",
     "lab90/rights/by_dictionary.py: lab90.q1 failed FORGETS, and should pass: "),
    (MUTANT, "hint=COUNTS_TWICE", "hint=FORGETS",
     f"lab90/{MUTANT}: lab90.q1 failed COUNTS_TWICE, and should fail with FORGETS: "),
    (MUTANT, "for event in events)", "for event in {each.id: each for each in events}.values())",
     f"lab90/{MUTANT}: lab90.q1 passed, and should fail with COUNTS_TWICE"),
    ("checks.py", '"COUNTS_TWICE"', '"TWICE"',
     "lab90: checks.py blames TWICE in line 26, and hints.toml has no [TWICE]"),
    ("hints.toml", "nearly = \"The line", "cards = []\n#", "lab90: [FORGETS] of hints.toml has no nearly"),
    ("hints.toml", 'advice = "A broker', 'advice = ""\n#', "lab90: [COUNTS_TWICE] of hints.toml has no advice"),
    ("hints.toml", "[FORGETS]", '[UNUSED]\nadvice = "a"\nnudge = "n"\nconcept = "c"\nnearly = "y"\n[FORGETS]',
     "lab90: no mutant is given the hint UNUSED of hints.toml"),
    (MUTANT, "# Sums what arrives: a copy counts again.\n", "", f"lab90/{MUTANT}: its first line does not say"),
    (MUTANT, "# expect: lab90.q1 fails, hint=COUNTS_TWICE", "", f"lab90/{MUTANT}: it needs one line such as"),
    (MUTANT, "# expect: lab90.q1", "# expect: lab90.q4", f"lab90/{MUTANT}: it expects lab90.q4 to fail"),
    (MUTANT, "# answer: lab90.q1", "# answer: lab90.q4", f"lab90/{MUTANT}: '# answer: lab90.q4' stands twice, or"),
    (MUTANT, "# answer: lab90.q1", "def f():\n    pass\n# answer: lab90.q1", f"lab90/{MUTANT}: code stands above"),
    (MUTANT, "# answer: lab90.q1\ndef", "def", f"lab90/{MUTANT}: code stands above"),
    ("rights/by_dictionary.py", "\n\n#", "\n# expect: lab90.q1 fails, hint=FORGETS\n#",
     "lab90/rights/by_dictionary.py: a right answer expects no failure"),
    ("rights/by_dictionary.py", "return sum({event.id: event.data[\"amount\"] for event in events}.values())",
     "amount = 0\n    seen = set()  # as in the master\n    for event in events:\n        if event.id not in seen:\n"
     "            seen.add(event.id)\n            amount += event.data['amount']\n    return amount",
     "lab90/rights/by_dictionary.py: it is the same code as the master, and proves nothing more"),
    ("hints.toml", "advice = \"A broker may", 'advice = "A broker may simply',
     "lab90: [COUNTS_TWICE] of hints.toml: advice holds a filler word"),
    (MASTER, "seen.add(event.id)", "pass", "lab90/the master: lab90.q1 failed COUNTS_TWICE, and should pass: "),
]


@pytest.mark.parametrize("number", range(len(PLANTED)))
def test_a_planted_fault_is_one_line_that_names_it(course, number):
    name, old, new, line = PLANTED[number]
    edit(course, name, old, new)
    found = lines(proved())
    assert any(one.startswith(line) for one in found), found
    assert all("\n" not in one for one in found)


@pytest.mark.parametrize(("name", "line"), [
    ("q1_again.py", "it is the same code as mutants/q1_again.py, and proves nothing more"),
    ("q1_again.txt", "it is not read: an answer is a file NAME.py"), ("q1/again.py", "it is not read: an answer is a")])
def test_a_wrong_answer_that_proves_nothing_is_named(course, name, line):
    folder = course / "labs/authoring" / NAME / "mutants"
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text((course / "labs/authoring" / NAME / MUTANT).read_text() + "# and no other code\n")
    (folder / "__pycache__").mkdir()
    (folder / ".draft.py").write_text("no answer yet")
    (one,) = lines(proved())
    assert one.startswith("lab90/mutants/q1") and line in one


@pytest.mark.parametrize(("old", "new", "why"), [
    ("nudge = \"Try", "nudgee = \"Try", r"\[FORGETS\] has the key 'nudgee'; a hint has advice, nudge, concept, nearly"),
    ("nudge = \"Try it with a single order, then with two.\"", "nudge = 3", r"\[FORGETS\]: nudge is no text"),
    ("[FORGETS]", "[FORGETS]\ncards = \"one\"", r"\[FORGETS\]: cards is no list of ids"),
    ("[FORGETS]", "TWICE = 1\n[FORGETS]", r"TWICE is no table; a hint begins with \[TWICE\]"),
    ("[FORGETS]", "[FORGETS", "line ")])
def test_a_hint_that_is_not_written_as_it_has_to_be_says_where(course, old, new, why):
    edit(course, "hints.toml", old, new)
    _read_hints.cache_clear()
    with pytest.raises(CourseFileError, match=f"hints.toml of lab90 cannot be read[\\s\\S]*{why}[\\s\\S]*mend it"):
        proved()


def test_checks_that_cannot_run_say_in_which_line(course):
    edit(course, "checks.py", "points=2", "points=two")
    with pytest.raises(CourseFileError, match="line 6, NameError: name 'two' is not defined[\\s\\S]*mend it"):
        proved()


def test_a_promise_that_no_wrong_answer_breaks_is_named(course):
    (course / "labs/authoring" / NAME / MUTANT).unlink()
    assert lines(proved()) == [
        "lab90: no mutant breaks the promise of lab90.q1 that 'an order that arrives twice counts once'",
        "lab90: no mutant is given the hint COUNTS_TWICE of hints.toml"]


def test_a_lab_without_another_right_way_or_with_an_old_learners_notebook_is_named(course):
    shutil.rmtree(course / "labs/authoring" / NAME / "rights")
    (course / "labs" / MASTER).write_text("{}")
    assert lines(proved()) == ["lab90: rights/ holds no other right answer: is there one way only?",
                               f"lab90: labs/{MASTER} is not what the master gives; run `make labs`"]


def test_a_verdict_that_hangs_on_the_seed_is_named_with_its_seeds(course):
    edit(course, "checks.py", "    if got != due:\n        case.blame(\"COUNTS",
         "    if got != due and case.world.seed // 1000 not in (1, 3):\n        case.blame(\"COUNTS")
    assert lines(proved(seeds=5)) == [
        f"lab90/{MUTANT}: lab90.q1 passed with seeds 1, 3 of 5, and should fail with COUNTS_TWICE"]


def test_an_answer_that_the_untouched_notebook_gives_away_is_named(course):
    book = json.loads((course / "labs/authoring" / NAME / MASTER).read_text())
    book["cells"][2]["source"] = (
        "# answer: lab90.q1\ndef total(events):\n    return sum({e.id: e.data['amount'] for e in events}.values())\n\n"
        "def unused():\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION")
    (course / "labs/authoring" / NAME / MASTER).write_text(json.dumps(book))
    write_labs(course=course)
    assert lines(proved()) == ["lab90/untouched: lab90.q1 passed, and should be not answered"]


SECOND = '''
q2 = lab.question("q2", "The mean", points=1, defines="mean", uses=["q1"])


@q2.check("the mean is the total by the number", histories=3)
def divides(case: Case):
    events = orders(case, 4)
    if case.call("mean", events) != sum(event.data["amount"] for event in events) / len(events):
        case.blame("FORGETS", "it is not")
'''


def test_what_builds_on_a_failing_question_may_be_not_reached_and_nothing_else_may_fail(course):
    edit(course, "checks.py", '@q1.check("an order', SECOND + '\n\n@q1.check("an order')
    book = json.loads((course / "labs/authoring" / NAME / MASTER).read_text())
    answer = "# answer: lab90.q2\n### BEGIN SOLUTION\ndef mean(events):\n    return total(events) / len(events)\n" \
             "### END SOLUTION"
    for number, source in enumerate((answer, 'check("lab90.q2")')):
        book["cells"].append({"cell_type": "code", "id": f"more-{number}", "metadata": {}, "source": source,
                              "outputs": [], "execution_count": None})
    (course / "labs/authoring" / NAME / MASTER).write_text(json.dumps(book))
    wrong = "\n# answer: lab90.q2\ndef mean(events):\n    return 0\n"
    mutants = course / "labs/authoring" / NAME / "mutants"
    (mutants / "q2_zero.py").write_text(f"# No mean.\n# expect: lab90.q2 fails, hint=FORGETS\n{wrong}")
    (mutants / "q2_two.py").write_text("# Two mistakes at once.\n# expect: lab90.q2 fails, hint=FORGETS\n\n"
                                       f"# answer: lab90.q1\ndef total(events):\n    return 0\n{wrong}")
    write_labs(course=course)
    proof = proved()
    assert [line.partition(", and")[0] for line in lines(proof)] == [
        "lab90/mutants/q2_two.py: lab90.q1 failed FORGETS", "lab90/mutants/q2_two.py: lab90.q2 not reached"]
    rows = {row.variant.name: row for row in proof.rows}
    assert rows[MUTANT].verdicts[0]["lab90.q2"].status == "not reached"
    assert rows["mutants/q2_zero.py"].verdicts[0]["lab90.q1"].status == "passed"
    assert [rows[f"all but lab90.q{n}"].found for n in (1, 2)] == [
        "q1 not answered", "q2 not answered"]


def test_cards_that_the_deck_does_not_have_are_named(course):
    edit(course, "hints.toml", "[COUNTS_TWICE]", '[COUNTS_TWICE]\ncards = ["no-such-card"]')
    (note,) = proved().notes
    assert note.startswith("lab90: the drill cards were not looked up, the deck cannot be loaded: ")
    write_topic(course, cards("no-ack"))
    proof = proved()
    assert proof.notes == [] and lines(proof) == [
        "lab90: [COUNTS_TWICE] of hints.toml names the drill card 'no-such-card', which the deck does not have"]


def test_only_some_answers_are_judged_and_the_rules_about_all_of_them_wait(course):
    (course / "labs/authoring" / NAME / MUTANT).unlink()
    proof = proved(only="last_only")
    assert [row.variant.name for row in proof.rows] == ["the master", "mutants/q1_last_only.py"] and proof.ok


def test_the_command_prints_each_broken_rule_in_one_line_and_exits_with_1(course):
    edit(course, MUTANT, "hint=COUNTS_TWICE", "hint=FORGETS")
    process = subprocess.run([sys.executable, "-m", "evlab.course.cli", "dev", "check", "--seeds", "2", "-j", "1"],
                             capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"}, timeout=120)
    assert process.returncode == 1 and process.stderr == ""
    assert re.search(r"q1_sums_all +│ q1 FORGETS +│ +[\d.]+ │ q1 COUNTS_TWICE", process.stdout)
    assert f"\nlab90/{MUTANT}: lab90.q1 failed COUNTS_TWICE, and should fail with FORGETS" in process.stdout
    assert process.stdout.endswith("1 rule is broken\n")


# ---------------------------------------------------------------------------------------------------- reading files

LAB = Lab("lab90", "Small")
LAB.question("q1", "One", points=1, defines="a")
LAB.question("q2", "Two", points=1, defines="b")
RIGHT = Answers({"lab90.q1": "a = 1", "lab90.q2": "b = 2"}, ["helper = 0"], ["other = 0"])


def test_what_a_file_does_not_hold_is_the_masters():
    text = "# Another way.\n# Two lines of it.\n\n# answer: lab90.q2\nb = 3\n# a comment\n\n"
    variant = read_variant(text, "right", "rights/x.py", RIGHT, LAB)
    assert variant.answers.cells == {"lab90.q1": "a = 1", "lab90.q2": "# answer: lab90.q2\nb = 3\n# a comment\n"}
    assert (variant.answers.helpers, variant.answers.others) == (["helper = 0"], ["other = 0"])
    assert variant.differs(RIGHT, LAB) == ["lab90.q2"] and RIGHT.cells["lab90.q2"] == "b = 2"


def test_helpers_of_a_file_take_the_place_of_the_masters_and_concern_every_question():
    variant = read_variant("# A way.\n# helper: lab90\nx = 1\n# helper: lab90\ny = 1\n", "right", "r", RIGHT, LAB)
    assert len(variant.answers.helpers) == 2 and variant.differs(RIGHT, LAB) == ["lab90.q1", "lab90.q2"]


@pytest.mark.parametrize("text", [
    "", "# A way.\n", "# A way.\n# answer: lab90.q1\na\n# answer: lab90.q1\na", "# A way.\n# helper: lab91\nx",
    "x = 1\n# answer: lab90.q1\na", "#\n# answer: lab90.q1"])
def test_a_file_that_is_not_written_as_it_should_be_is_a_fault(text):
    with pytest.raises(Fault):
        read_variant(text, "right", "rights/x.py", RIGHT, LAB)


def test_blamed_codes_are_found_where_they_come_from():
    source = '''"""NOT_THIS in a docstring."""
MODE = "NOT_THIS_EITHER"
def check(case, late="BY_DEFAULT"):
    hint = "BY_NAME" if case.size else "OR_THIS"
    case.blame("DIRECT", "NOT_THE_TEXT")
    case.blame(hint, "x")
    case.blame(late, "x")
    case.blame(hint="BY_KEYWORD", text="NO")
    case.blame_first(found, {"duplicate": "FROM_A_DICT"})
    case.blame(chosen(case), "x")
    if (walrus := "BY_WALRUS"):
        case.blame(walrus, "x")
    for looped in ("BY_LOOP", "AND_THIS"):
        case.blame(looped, "x")
class Shop:
    def judge(self, code, *, other):
        self.case.blame(code if self.x else other, "x")
def chosen(case):
    return TABLE[case.size]
TABLE = {"a": "FROM_A_TABLE"}
Shop().judge("GIVEN", other="GIVEN_BY_NAME")
check(1, "INSTEAD")
log("NOT_BLAMED")
'''
    assert set(blamed_codes(source)) == {
        "BY_DEFAULT", "BY_NAME", "OR_THIS", "DIRECT", "BY_KEYWORD", "FROM_A_DICT", "BY_WALRUS", "BY_LOOP", "AND_THIS",
        "FROM_A_TABLE", "GIVEN", "GIVEN_BY_NAME", "INSTEAD"}


def test_the_readme_of_authors_is_where_the_errors_say_it_is():
    assert (ROOT / "labs/authoring/README.md").exists()
