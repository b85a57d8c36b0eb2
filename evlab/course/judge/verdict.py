"""The verdict: run a question's checks against an answer, and say what was found so that one can mend it.

The judge looks for a history in which a promise is broken, takes from it every fault that is not needed, and keeps the
events that led to the mistake. A verdict holds them with the hint for exactly this mistake, the seed, and the line that
shows it again. The same answer and the same seed give the same verdict, in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from evlab.course.judge.actor import Actor, AnswerBroke, AnswerRaised
from evlab.course.judge.answers import LONGEST_SOURCE, Answers, defined_names, misplaced, missing_names
from evlab.course.judge.cage import HELD_WORDS
from evlab.course.judge.jail import Jail
from evlab.course.judge.labs import Hint, hints_of
from evlab.course.judge.protocol import readable
from evlab.course.judge.question import Blame, Case, Check, Lab, Mistake, Question, mistake_of
from evlab.env import Dead
from evlab.errors import InvalidUse
from evlab.sim import Failure, World, search, shrink
from evlab.sim.history import Entry
from evlab.sim.story import lines_of

__all__ = ["CheckResult", "Judge", "Verdict", "isolation"]

FRESH = 16
"""A process serves so many histories of one question and is then replaced, wherever in a check that is: an answer that
counts what it has seen does not learn which check is at work. (A process costs as much as three histories.)"""
QUESTION_SECONDS = 30.0
"""CPU seconds that an answer may take over all histories of a question. A right one takes a twentieth of one."""
EXPENSIVE = ("STUCK", "ENDLESS", "MEMORY", "FLOOD", "NONSENSE", "EXITS")
"""Mistakes that cost a process or a second each time they are seen: their history is not made smaller."""

SHORT = 20
"""Entries of a history that is shown whole."""

Progress = Callable[[str, int, int], None]
"""Called with the question, the histories tried so far, and how many there are at most."""


@dataclass
class CheckResult:
    """One promise: "passed", "failed", "not reached", or in a replay "not tried"."""

    promise: str
    status: str
    histories: int


@dataclass
class Verdict:
    """What became of one question.

    status: passed, failed, not answered (the gap is still there), missing (no such cell), not reached (a question it
    builds on fails), or broken (the check itself failed: not the answer's fault).
    """

    question: str
    title: str
    points: float
    status: str
    checks: list[CheckResult] = field(default_factory=list)
    hint: str = ""
    anomaly: str = ""
    text: str = ""
    advice: str = ""
    lines: list[str] = field(default_factory=list)
    seed: int | None = None
    printed: str = ""
    cards: tuple[str, ...] = ()
    failure: Failure | None = None

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    @property
    def earned(self) -> float:
        return self.points if self.passed else 0

    @property
    def sentence(self) -> str:
        """What went wrong, as a sentence."""
        return _sentence(self.text)

    @property
    def replay(self) -> str:
        """The line that shows this failure again."""
        return "" if self.seed is None else f'check("{self.question}", seed={self.seed})'

    def figure(self):
        """The failing history as a timeline; None if there is nothing to draw."""
        if self.failure is None or not self.lines:
            return None
        from evlab.viz import timeline

        return timeline(told(self.failure), title=_title(self.text), highlight=self.failure.anomaly.entries)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain values, the timeline left out."""
        return {"question": self.question, "title": self.title, "points": self.points, "earned": self.earned,
                "status": self.status, "hint": self.hint, "anomaly": self.anomaly, "text": self.text,
                "advice": self.advice, "lines": list(self.lines), "seed": self.seed, "printed": self.printed,
                "checks": [[check.promise, check.status, check.histories] for check in self.checks]}

    def __str__(self) -> str:
        marks = {"passed": "\u2713", "failed": "\u2717"}
        out = [f"{self.question}  {self.title}: {self.status}, {self.earned:g} of {self.points:g} points"]
        for check in self.checks:
            tried = {"passed": histories(check.histories), "failed": ""}.get(check.status, check.status)
            tail = f"  ({tried})" if tried else ""
            out.append(f"  {marks.get(check.status, '-')} {check.promise}{tail}")
        if self.text:
            out += ["", f"  {self.sentence}"]
        if self.lines:
            out += ["", *(f"  {line}" for line in self.lines)]
        if self.printed:
            out += ["", "  Your code printed:", *(f"    {line}" for line in self.printed.splitlines()[:20])]
        if self.advice:
            out += ["", *(f"  {line}" for line in self.advice.strip().splitlines())]
        if self.replay and self.lines:
            out += ["", f"  To see it again: {self.replay}"]
        return "\n".join(out)


def told(failure: Failure) -> list[Entry]:
    """The entries to show: the whole history where it is short, else those that led to the mistake."""
    entries = list(failure.history) if len(failure.history) <= SHORT else failure.story
    return [entry for entry in entries if not (entry.kind == "note" and entry.what.startswith("raises Answer"))]


def histories(number: int) -> str:
    return "1 history" if number == 1 else f"{number} histories"


class Judge:
    """Judges answers to one lab. A context manager; `jail` holds the answers' processes and is closed with it.

    seed: another seed makes other hidden histories, of the same kinds. Whole numbers from 0 to 999,999.
    """

    def __init__(self, lab: Lab, *, seed: int = 0, jail: Jail | None = None):
        self.lab, self.seed = lab, seed
        self.hints = hints_of(lab.name)
        self.jail = jail or Jail()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_) -> None:
        self.jail.close()

    def judge(self, answers: Answers, only: Iterable[str] | None = None, *, history: int | None = None,
              progress: Progress = lambda question, done, total: None) -> list[Verdict]:
        """A verdict for each question, or for those in `only`, in the lab's order.

        history: try this one history of each check alone, as `Verdict.replay` asks for it.
        """
        wanted = set(self.lab.questions if only is None else only)
        found: dict[str, Verdict] = {}
        for id, question in self.lab.questions.items():
            if id in wanted or any(id in self.lab.questions[other].uses for other in wanted):
                found[id] = self._judge_one(question, answers, found, history, progress)
        return [verdict for id, verdict in found.items() if id in wanted]

    def _judge_one(self, question: Question, answers: Answers, earlier: dict[str, Verdict], history: int | None,
                   progress: Progress) -> Verdict:
        base = next((used for used in question.uses if not earlier[used].passed), None)
        if base is not None:
            state = "whose cell is missing" if earlier[base].status == "missing" else "which has to pass first"
            return self._verdict(question, "not reached", text=f"it builds on {base}, {state}")
        source = answers.cells.get(question.id)
        if source is None:
            known = misplaced(answers, question.id, question.defines)
            return self._verdict(question, "missing", hint="MISSING", text=(
                f"there is no cell that begins with `# answer: {question.id}`" + (f"; {known}" if known else "")))
        cells = [(f"helper {n}", helper) for n, helper in enumerate(answers.helpers, 1)]
        cells += [(used, answers.cells[used]) for used in _used(question, answers, self.lab)]
        wrong = _look(question, source, [helper for _, helper in cells], answers)
        if wrong is not None:
            return self._verdict(question, "failed", hint=wrong.hint, anomaly=wrong.name, text=wrong.text)
        at_work = _AtWork(self.jail, [*cells, (question.id, source)])
        try:
            return self._try_checks(question, at_work, history, progress)
        finally:
            at_work.close()

    def _try_checks(self, question: Question, at_work: _AtWork, history: int | None, progress: Progress) -> Verdict:
        total, done = sum(check.histories for check in question.checks), 0
        results: list[CheckResult] = []
        verdict = None
        for check in question.checks:
            if verdict is not None:
                results.append(CheckResult(check.promise, "not reached", 0))
                continue
            numbers = range(check.histories) if history is None else [history] if history < check.histories else []
            if not numbers:
                results.append(CheckResult(check.promise, "not tried", 0))
                continue

            def seeds(numbers=numbers, before=done) -> Iterator[int]:
                for tried, number in enumerate(numbers):
                    progress(question.id, before + tried, total)
                    yield self.seed * 1000 + number

            scenario = _scenario(check, at_work)
            failure = search(scenario, seeds(), check.faults)
            done += check.histories
            if failure is None:
                results.append(CheckResult(check.promise, "passed", len(numbers)))
                continue
            results.append(CheckResult(check.promise, "failed", failure.tried))
            verdict = self._failed(question, failure, check, at_work)
        progress(question.id, total, total)
        verdict = verdict or self._verdict(question, "passed")
        verdict.checks = results
        return verdict

    def _failed(self, question: Question, failure: Failure, check: Check, at_work: _AtWork) -> Verdict:
        hint = getattr(failure.anomaly, "hint", "")
        if not hint:  # an error in the check, not in the answer
            return self._verdict(question, "broken", anomaly="exception", text=f"the check itself failed, which is not "
                                 f"your answer's fault: {failure.anomaly.text}", seed=failure.seed)
        if hint not in EXPENSIVE and len(failure.plan):
            only = _scenario(check, at_work, hint)
            with suppress(InvalidUse):  # an answer that fails but once: then this is the smallest that there is
                failure = shrink(Failure(only, failure.seed, failure.plan, failure.anomaly, failure.history,
                                         failure.tried))
        if hint not in EXPENSIVE and at_work.latest is not failure.history:  # what it printed in this very history
            search(_scenario(check, at_work), [failure.seed], failure.plan)
        status = "not answered" if hint == "NOT_ANSWERED" else "failed"
        lines = lines_of(told(failure)) if hint != "NOT_ANSWERED" else []
        return self._verdict(question, status, hint=hint, anomaly=failure.anomaly.name, text=failure.anomaly.text,
                             lines=lines, seed=failure.seed, printed=at_work.printed(), failure=failure)

    def _verdict(self, question: Question, status: str, **more) -> Verdict:
        hint = self.hints.get(more.get("hint", ""), Hint())
        more |= {name: readable(more[name]) for name in ("text", "printed") if name in more}
        more["lines"] = [readable(line) for line in more.get("lines", ())]
        return Verdict(question.id, question.title, question.points, status, advice=hint.advice, cards=hint.cards,
                       **more)


class _AtWork:
    """The processes of one answer, by node: kept from history to history, and made anew when one is lost."""

    def __init__(self, jail: Jail, sources: list[tuple[str, str]]):
        self._jail, self._sources = jail, sources
        self._actors: dict[str, Actor] = {}
        self._served: dict[str, int] = {}
        """How many histories the process at each node has seen."""
        self._spent = 0.0
        """CPU seconds of the processes that are gone."""
        self.latest = None
        """The history in which they act now, or acted last."""

    def actor(self, node: str, fresh: bool, seed: int, life: int) -> Actor:
        actor = self._actors.get(node)
        if actor is None or actor.dead or actor.busy or fresh or self._served[node] >= FRESH:
            if actor is not None:
                self._spent += actor.used()
                actor.kill()
            actor = self._actors[node] = self._jail.actor(self._sources)
            self._served[node] = 0
        self._served[node] += 1
        spent = self._spent + sum(one.used() for one in self._actors.values())
        if spent > QUESTION_SECONDS:
            raise AnswerBroke("stuck", f"it has computed for {spent:.0f} s, over all histories of this question")
        actor.reset(seed, f"{node}/{life}")
        return actor

    def printed(self) -> str:
        return "".join(actor.printed() for actor in self._actors.values() if not actor.dead)[:4000]

    def close(self) -> None:
        for actor in self._actors.values():
            actor.kill()


def _scenario(check: Check, at_work: _AtWork, hint: str = ""):
    """The check as a scenario of `search`: one history, and the mistake found in it; with `hint`, only that one."""

    def scenario(world: World) -> list[Mistake]:
        at_work.latest = world.history
        size = (world.seed % 1000) / max(1, check.histories - 1)
        case = Case(world, check, size, lambda node, fresh, life: at_work.actor(node, fresh, world.seed, life))
        try:
            check.function(case)
        except Blame as blame:
            found = blame.mistake
        except (AnswerRaised, AnswerBroke) as error:
            found = mistake_of(error, world)
        except Dead:
            found = mistake_of(AnswerBroke("died", "its node has crashed, and nobody started it again"), world)
        else:
            return []
        return [found] if hint in ("", found.hint) else []

    return scenario


def _used(question: Question, answers: Answers, lab: Lab) -> list[str]:
    """The other answers that run before this one: those that it builds on, and those whose names it uses."""
    used = set(question.uses)
    missing = missing_names(answers.cells[question.id], set().union(*map(defined_names, answers.helpers)))
    for id in lab.questions:
        if id != question.id and id in answers.cells and defined_names(answers.cells[id]) & set(missing):
            used.add(id)
    return [id for id in lab.questions if id in used]


def _look(question: Question, source: str, before: list[str], answers: Answers) -> Mistake | None:
    """What can be said of an answer without running it."""
    found = None
    if len(source) + sum(map(len, before)) > LONGEST_SOURCE:
        found = Mistake("flood", f"the cell has {len(source):,} characters; {LONGEST_SOURCE:,} is the limit")
        found.hint = "FLOOD"
        return found
    defined = defined_names(source)
    absent = [name for name in question.defines if name not in defined]
    if defined and absent:
        found = Mistake("undefined", f"the cell has to define `{absent[0]}`")
        found.hint = "NOT_DEFINED"
        return found
    known = set().union(*map(defined_names, before)) if before else set()
    elsewhere = set().union(*map(defined_names, [*answers.others, *answers.cells.values()]))
    for name in missing_names(source, known):
        if name in elsewhere:
            found = Mistake("undefined", f"`{name}` is defined in another cell; move it here, or begin that cell with "
                                         f"`# helper: {question.lab}`")
            found.hint = "ELSEWHERE"
            return found
    return None


def isolation(held: list[str]) -> str:
    """In words, what the cage has kept the answers from."""
    if "files" not in held or "calls" not in held:
        return "limits only, not a sandbox" if "limits" in held else "no limits and no sandbox on this system"
    return "sandbox: " + "; ".join(words for name, words in HELD_WORDS.items() if name in held)


def _sentence(text: str) -> str:
    text = _title(text)
    return text if text.endswith(("?", "!")) else f"{text}."


def _title(text: str) -> str:
    """The text as a headline. A word that is a name in code, or of an event, stays as it is."""
    first = text.partition(" ")[0]
    return (text[:1].upper() + text[1:] if first.isalpha() else text)[:300].rstrip(".")
