"""The labs themselves: each is proved with right and wrong answers, and what learners get is what its master gives.

A failure is repeated with `evlab dev check lab01`; `--only NAME` tries one set of answers.
"""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple

import nbformat
import pytest

from evlab.course.authoring import MASTER_ONLY, learners_bytes, master_of, stale_labs
from evlab.course.data import course_folder
from evlab.course.judge.labs import authoring_folder, lab_names
from evlab.course.proving import prove, sampled
from evlab.course.solutions import cut_solutions
from evlab.course.trials import judges

JOBS = max(2, min(8, os.cpu_count() or 2))
LABS = lab_names()
SAMPLE = 1 if os.environ.get("EVLAB_SOAK") == "1" else 20


class Named(NamedTuple):
    """A file of answers, as far as its first lines say."""

    kind: str
    name: str
    question: str
    hint: str


def named(lab, folder):
    for path in sorted((authoring_folder() / lab / folder).glob("*.py")):
        expects = re.search(r"(?m)^#[ \t]*expect: (\S+) fails, hint=(\w+)", path.read_text("utf-8"))
        yield Named(folder.removesuffix("s"), f"{folder}/{path.name}", *(expects.groups() if expects else ("", "")))


RIGHT = [*((lab, "the master") for lab in LABS), *((lab, one.name) for lab in LABS for one in named(lab, "rights"))]
WRONG = [(lab, one.name) for lab in LABS for one in sampled(list(named(lab, "mutants")), SAMPLE)]


def ids(pair):
    return f"{pair[0]}-{pair[1].rpartition('/')[2].removesuffix('.py')}"


@pytest.fixture(scope="module")
def proofs(amount):
    """`proofs(lab)`: every set of answers judged, once in the whole run, in a process a core, the same for all labs.

    The reference meets three seeds, other right answers one of them (soak: a thousand). Of the wrong answers the first
    for each hint and every twentieth of the others are tried (soak, and `evlab dev check`: all), each with one seed
    (soak: 50).
    """
    made = {}

    def proof(lab):
        if lab not in made:
            made[lab] = prove(lab, seeds=amount(3, 1000), wrong_seeds=amount(1, 50), right_seeds=amount(1, 1000),
                              sample=SAMPLE, pool=pool)
        return made[lab]

    with judges(JOBS) as pool:
        yield proof


def lines(broken):
    return "\n".join(map(str, broken))


def broken_of(proof, name):
    """The rules that one set of answers breaks, a file that cannot be read among them."""
    return [one for one in proof.broken if one.where == f"{proof.lab}/{name}"]


def test_the_course_has_labs():
    assert LABS and len(RIGHT) > len(LABS) and len(WRONG) >= 5 * len(LABS)


@pytest.mark.parametrize("pair", RIGHT, ids=ids)
def test_the_reference_and_other_right_answers_never_fail(proofs, amount, pair):
    """GRADE-2: no false fail: the reference with 3 seeds, alternative right solutions with 1; soak 1,000 runs."""
    lab, name = pair
    broken = broken_of(proofs(lab), name)
    assert not broken, lines(broken)
    row = next(row for row in proofs(lab).rows if row.variant.name == name)
    assert row.seeds == list(range(amount(3 if name == "the master" else 1, 1000))) == sorted(row.verdicts)
    assert {seen.status for verdicts in row.verdicts.values() for seen in verdicts.values()} == {"passed"}


@pytest.mark.parametrize("pair", WRONG, ids=ids)
def test_a_wrong_answer_fails_where_and_as_it_says(proofs, pair):
    """One question fails with the one hint that the file names; the others pass, or build on it and are not reached."""
    lab, name = pair
    broken = broken_of(proofs(lab), name)
    assert not broken, lines(broken)
    row = next(row for row in proofs(lab).rows if row.variant.name == name)
    for verdicts in row.verdicts.values():
        assert [(id, seen.hint) for id, seen in verdicts.items() if seen.status == "failed"] == [
            (row.variant.question, row.variant.hint)]


@pytest.mark.parametrize("lab", LABS)
def test_wrong_answers_together_meet_every_seed(proofs, lab):
    seeds = {seed for row in proofs(lab).rows if row.variant.kind == "mutant" for seed in row.seeds}
    assert seeds >= set(range(3))


@pytest.mark.parametrize("lab", LABS)
def test_an_untouched_lab_earns_nothing_and_each_gap_is_seen(proofs, lab):
    rows = {row.variant.name: row for row in proofs(lab).rows if row.variant.kind in ("untouched", "gap")}
    assert not (broken := [one for row in rows.values() for one in row.broken]), lines(broken)
    for verdicts in rows["untouched"].verdicts.values():
        assert {seen.status for seen in verdicts.values()} <= {"not answered", "not reached"}


@pytest.mark.parametrize("lab", LABS)
def test_every_promise_and_every_hint_of_a_lab_is_met_by_a_wrong_answer(proofs, lab):
    """And each hint that is blamed has its texts, and names drill cards that are there. (Promises: in the soak, and in
    `evlab dev check`, which try every wrong answer.)"""
    names = {f"{lab}/{row.variant.name}" for row in proofs(lab).rows}
    broken = [one for one in proofs(lab).broken if one.where not in names]
    print(lines(proofs(lab).notes))
    assert not broken, lines(broken)


# ------------------------------------------------------------------------------------------- what learners get


@pytest.mark.parametrize("lab", LABS)
def test_what_learners_get_is_what_the_master_gives(lab):
    path = course_folder() / "labs" / master_of(lab).name
    assert path.exists() and path.read_bytes() == learners_bytes(lab), f"labs/{path.name} is old; run `make labs`"


def test_no_lab_is_left_over():
    assert stale_labs() == []


@pytest.mark.parametrize("lab", LABS)
def test_nothing_of_a_solution_is_in_what_learners_get(lab):
    """Not a line of it, in any string of the file, but for lines that the master has outside of solutions too."""
    master = nbformat.read(master_of(lab), as_version=4)
    secret, open_lines = set(), set()
    for cell in master.cells:
        hidden = MASTER_ONLY in cell.metadata.get("tags", [])
        cut = cut_solutions("" if hidden else cell.source)
        secret |= {line.strip() for block in cut.blocks for line in block}
        open_lines |= {line.strip() for line in cut.source.split("\n")}
    assert len(secret) > 10
    given = json.loads((course_folder() / "labs" / master_of(lab).name).read_text("utf-8"))
    shown = {line.strip() for text in strings(given) for line in text.split("\n")}
    assert not (secret - open_lines) & shown


def strings(value):
    """Every string in what a JSON file holds; a list of lines is one text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield "".join(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)
