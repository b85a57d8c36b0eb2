"""Proves that a lab's checks are right: they accept what is right, and name what is wrong by its name.

1. The master and each file in rights/ pass every question, with every seed: no false fail.
2. The untouched notebook earns nothing, and each gap alone is seen as "not answered".
3. Each mutant fails the question and with the hint that it says, and no other question but those that build on it.
4. Each promise is broken by a mutant, each hint is hit by one, and each hint that checks.py blames has its texts. No
   two sets of answers are the same code.
5. The drill cards that hints name are in the deck.

A verdict depends on the seed and on the cells that take part in it alone, so a question whose cells are the master's
is judged once, with the master.
"""

from __future__ import annotations

import pathlib
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from evlab.course.authoring import learners_bytes, master_of
from evlab.course.data import course_folder
from evlab.course.judge.answers import cells_of
from evlab.course.judge.labs import authoring_folder, find_lab, hints_of
from evlab.course.judge.question import Lab
from evlab.course.trials import Seen, Trial, run_trials
from evlab.course.variants import Variant, blamed_codes, variants_of
from evlab.course.wording import voice

__all__ = ["Broken", "Proof", "Row", "prove"]

TEXTS = ("advice", "nudge", "concept", "nearly")
"""What every hint has to say."""
CHUNK = 5
"""Seeds that one worker judges in one go."""


class Broken(NamedTuple):
    """A rule that the lab breaks: where, and how."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Row:
    """One variant and what became of it."""

    variant: Variant
    seeds: list[int]
    verdicts: dict[int, dict[str, Seen]] = field(default_factory=dict)
    """By seed, then by question."""
    seconds: float = 0.0
    broken: list[Broken] = field(default_factory=list)

    @property
    def expected(self) -> str:
        """What the verdicts should be, in few words: "100 %", "0 %", "q1 LOST"."""
        number = self.variant.question.rpartition(".")[2]
        return {"master": "100 %", "right": "100 %", "untouched": "0 %", "gap": f"{number} not answered",
                "mutant": f"{number} {self.variant.hint}"}[self.variant.kind]

    @property
    def found(self) -> str:
        """The same of what was seen with the first seed."""
        seen = self.verdicts[self.seeds[0]]
        if self.variant.kind == "untouched" and not any(one.status == "passed" for one in seen.values()):
            return "0 %"
        bad = [(id.rpartition(".")[2], one) for id, one in seen.items() if one.status not in ("passed", "not reached")]
        said = [f"{number} {one.hint if one.status == 'failed' else one.status}" for number, one in bad]
        return ", ".join(said) or "100 %"


@dataclass
class Proof:
    """What `prove` found out about one lab. It is `ok` if no rule is broken."""

    lab: str
    rows: list[Row]
    broken: list[Broken]
    notes: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""

    @property
    def ok(self) -> bool:
        return not self.broken


def prove(name: str, *, seeds: int = 20, wrong_seeds: int = 0, right_seeds: int = 0, sample: int = 1, jobs: int = 2,
          only: str = "", tell: Callable[[int, int], None] = lambda done, total: None,
          pool: ProcessPoolExecutor | None = None) -> Proof:
    """Judge every variant of a lab with the seeds 0, 1, ... and hold what was found against the rules.

    wrong_seeds: how many seeds a mutant or a gap meets; together they meet every one. By default all.
    right_seeds: how many the right answers beside the master meet; by default all.
    sample: of the wrong answers take the first for each hint, and every so many of the others; by default all. Whether
    each promise is broken by one is asked of all of them only.
    only: the variants whose names hold this text, and the master; the rules about all of them (4) are left out.
    `tell(done, total)` is called as the work goes on. pool: `judges` that serve several labs, in place of `jobs` of
    this one's own. Raises `InvalidUse`, `MasterError` and `CourseFileError` for a lab that cannot be used at all.
    """
    lab, folder, master = find_lab(name), authoring_folder() / name, master_of(name)
    learners = learners_bytes(name)
    variants, faults = variants_of(lab, folder, master, cells_of(learners, master.name))
    variants = [one for one in sampled(variants, sample) if only in one.name or one.kind == "master"]
    rows = {one.name: Row(one, _seeds_of(one, number, seeds, wrong_seeds, right_seeds))
            for number, one in enumerate(variants)}
    _judge_all(lab, list(rows.values()), jobs, tell, pool)
    proof = Proof(name, list(rows.values()), [Broken(f"{name}/{file}", what) for file, what in faults])
    for row in proof.rows:
        row.broken = [Broken(f"{name}/{row.variant.name}", what) for what in _faults_of(row, lab)]
        proof.broken += row.broken
    if not only:
        proof.broken += [Broken(name, what) for what in _uncovered(lab, folder, proof.rows, promises=sample == 1)]
        proof.broken += [Broken(name, what) for what in _bad_texts(lab, folder)]
        proof.broken += [Broken(name, what) for what in _bad_cards(lab, proof.notes)]
        given = course_folder() / "labs" / master.name
        if not given.exists() or given.read_bytes() != learners:
            proof.broken.append(Broken(name, f"labs/{given.name} is not what the master gives; run `make labs`"))
    return proof


def sampled(variants: list[Variant], every: int) -> list[Variant]:
    """All variants but wrong answers; of those the first for each hint, and every so many of the others."""
    kept, hints, others = [], set(), 0
    for one in variants:
        if one.kind == "mutant" and (one.question, one.hint) in hints:
            others += 1
            if others % every:
                continue
        hints.add((one.question, one.hint))
        kept.append(one)
    return kept


def _seeds_of(variant: Variant, number: int, seeds: int, wrong_seeds: int, right_seeds: int) -> list[int]:
    if variant.kind == "right":
        return list(range(min(seeds, right_seeds or seeds)))
    if variant.kind == "master" or not 0 < wrong_seeds < seeds:
        return list(range(seeds))
    return sorted({(number * wrong_seeds + n) % seeds for n in range(wrong_seeds)})


def _judge_all(lab: Lab, rows: list[Row], jobs: int, tell: Callable[[int, int], None],
               pool: ProcessPoolExecutor | None) -> None:
    """Fill in the rows' verdicts."""
    by_name = {row.variant.name: row for row in rows}
    trials = []
    for row in rows:
        questions = row.variant.differs(rows[0].variant.answers, lab)
        trials += [Trial(row.variant.name, lab.name, row.variant.answers, questions, row.seeds[at:at + CHUNK])
                   for at in range(0, len(row.seeds), CHUNK) if questions]
    done, total = 0, sum(len(trial.seeds) for trial in trials)
    tell(done, total)
    for trial, verdicts, seconds in run_trials(trials, jobs, pool):
        by_name[trial.name].verdicts |= verdicts
        by_name[trial.name].seconds += seconds
        done += len(trial.seeds)
        tell(done, total)
    for row in rows[1:]:
        for seed in row.seeds:
            own, base = row.verdicts.get(seed, {}), rows[0].verdicts[seed]
            row.verdicts[seed] = {id: own.get(id) or base[id] for id in lab.questions}


# ------------------------------------------------------------------------------------------------------ rules


def _faults_of(row: Row, lab: Lab) -> Iterator[str]:
    """What the verdicts of one variant should not be: a line for each question and kind of verdict."""
    variant = row.variant
    for id in lab.questions:
        wrong: dict[tuple, list[int]] = {}
        for seed in row.seeds:
            seen = row.verdicts[seed][id]
            if not _as_expected(variant, id, seen):
                wrong.setdefault((seen.status, seen.hint), []).append(seed)
        for key, seeds in wrong.items():
            seen = row.verdicts[seeds[0]][id]
            where = "" if len(seeds) == len(row.seeds) else f" with {_listed('seed', seeds)} of {len(row.seeds)}"
            more = f": {seen.text}" if seen.text else ""
            yield f"{id} {' '.join(filter(None, key))}{where}, and should {_due(variant, id)}{more}"


def _as_expected(variant: Variant, id: str, seen: Seen) -> bool:
    """Whether a verdict is as it should be. "not reached" says that a question which this one uses has not passed, and
    that one has a verdict of its own."""
    if variant.kind == "untouched":
        return seen.status in ("not answered", "not reached")
    if id == variant.question:
        return seen.status == "not answered" if variant.kind == "gap" else seen[:2] == ("failed", variant.hint)
    return seen.status in ("passed", "not reached")


def _due(variant: Variant, id: str) -> str:
    if variant.kind == "untouched" or (variant.kind == "gap" and id == variant.question):
        return "be not answered"
    return f"fail with {variant.hint}" if id == variant.question else "pass"


def _uncovered(lab: Lab, folder: pathlib.Path, rows: list[Row], promises: bool) -> Iterator[str]:
    """Promises that no mutant breaks (not asked of a sample), and hints that none hits."""
    seen = [one[row.variant.question] for row in rows if row.variant.kind == "mutant" for one in row.verdicts.values()]
    broken = {(row.variant.question, one[row.variant.question].promise) for row in rows
              if row.variant.kind == "mutant" for one in row.verdicts.values()}
    for id, question in lab.questions.items():
        for check in question.checks:
            if promises and (id, check.promise) not in broken:
                yield f"no mutant breaks the promise of {id} that {check.promise!r}"
        if not question.checks:
            yield f"{id} has no check, so any answer passes"
    hit = {one.hint for one in seen}
    for code in _own_hints(folder):
        if code not in hit:
            yield f"no mutant is given the hint {code} of hints.toml"
    if not any(row.variant.kind == "right" for row in rows):
        yield "rights/ holds no other right answer: is there one way only?"


def _bad_texts(lab: Lab, folder: pathlib.Path) -> Iterator[str]:
    """Hints without their texts, or in another voice than the course's."""
    hints, own = hints_of(lab.name), _own_hints(folder)
    blamed = blamed_codes((folder / "checks.py").read_text("utf-8"))
    for code, line in blamed.items():
        if code not in hints:
            yield f"checks.py blames {code} in line {line}, and hints.toml has no [{code}]"
    for code in dict.fromkeys([*own, *(code for code in blamed if code in hints)]):
        if lacking := [text for text in TEXTS if not getattr(hints[code], text).strip()]:
            yield f"[{code}] of hints.toml has no {' and no '.join(lacking)}"
    for code in own:
        yield from (f"[{code}] of hints.toml: {text} holds {what}" for text in TEXTS
                    for what in voice(getattr(hints[code], text)))


def _bad_cards(lab: Lab, notes: list[str]) -> Iterator[str]:
    named = [(code, card) for code, hint in hints_of(lab.name).items() for card in hint.cards]
    if not named:
        return
    try:
        from evlab.course.drills.deck import load_deck

        deck = load_deck()
    except Exception as error:  # a deck under repair, or a package of it that is missing, is not the lab's fault
        notes.append(f"{lab.name}: the drill cards were not looked up, the deck cannot be loaded: "
                     f"{str(error).splitlines()[0] if str(error) else type(error).__name__}")
        return
    for code, card in named:
        if card not in deck:
            yield f"[{code}] of hints.toml names the drill card {card!r}, which the deck does not have"


def _own_hints(folder: pathlib.Path) -> Iterable[str]:
    """The codes in the lab's own hints.toml; `hints_of` has found it readable."""
    return tomllib.loads((folder / "hints.toml").read_text("utf-8"))


def _listed(thing: str, numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:6])) + (", ..." if len(numbers) > 6 else "")
    return f"{thing} {shown}" if len(numbers) == 1 else f"{thing}s {shown}"
