"""What an author writes: a lab, its questions, and for each question the checks that look for a failing history.

A check is a function of a `Case`. It sets up one history (from a seed: small ones first), lets the answer act in it,
and blames the answer with `case.blame` when something is wrong. It says which mistake it was by the code of a hint,
whose texts stand in the lab's hints.toml. The checks of a question stand in order: the first that fails is the cause,
and what stands behind it is not reached.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NoReturn

from evlab.course.judge.actor import (
    Actor,
    AnswerBroke,
    AnswerRaised,
    HistoryOver,
    Object,
    Port,
    WrongCall,
)
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.sim import Faults, Plan, World
from evlab.sim.checkers import Anomaly
from evlab.sim.history import History

__all__ = ["HORIZON", "Blame", "Case", "Check", "Lab", "Mistake", "Question"]

HORIZON = 600.0
"""Virtual seconds that one call of the answer may take."""
MOST_STEPS = 200_000
"""Steps of the world in one call or one `run`."""


class Mistake(Anomaly):
    """An anomaly that is the answer's fault, with the code of the hint for exactly this mistake."""

    hint: str = ""


class Blame(HistoryOver):
    """Raised by `Case.blame`: what the check found."""

    def __init__(self, mistake: Mistake):
        self.mistake = mistake
        super().__init__(mistake.text)


@dataclass(frozen=True)
class Check:
    """One promise that an answer must keep, and how many histories are tried to see it broken."""

    promise: str
    function: Callable[[Case], None]
    histories: int
    faults: Faults | Plan | None


@dataclass
class Question:
    """One question of a lab. `defines`: the names that its cell must define. `uses`: questions whose answers run in
    the same namespace before it; while one of them fails, this one is not reached."""

    id: str
    title: str
    points: float
    defines: tuple[str, ...]
    uses: tuple[str, ...] = ()
    checks: list[Check] = field(default_factory=list)

    @property
    def lab(self) -> str:
        return self.id.partition(".")[0]

    def check(self, promise: str, *, histories: int = 20, faults: Faults | Plan | None = None):
        """A decorator: the function looks for a history in which `promise` is broken."""
        if not 1 <= histories <= 900:
            raise InvalidUse(f"{histories} histories", why="their numbers are the last three digits of a seed",
                             next_step="give 1 to 900")

        def keep(function: Callable[[Case], None]) -> Callable[[Case], None]:
            self.checks.append(Check(promise, function, histories, faults))
            return function

        return keep


@dataclass
class Lab:
    """A lab: `name` as in "lab01", its title, and its questions in order."""

    name: str
    title: str
    questions: dict[str, Question] = field(default_factory=dict)

    def question(self, number: str, title: str, *, points: float, defines: str | Iterable[str],
                 uses: Iterable[str] = ()) -> Question:
        """Add a question: `lab.question("q1", ...)` is "lab01.q1"."""
        names = (defines,) if isinstance(defines, str) else tuple(defines)
        made = Question(f"{self.name}.{number}", title, points, names, tuple(f"{self.name}.{q}" for q in uses))
        if made.id in self.questions or any(used not in self.questions for used in made.uses):
            raise InvalidUse(f"the question {made.id} stands twice, or uses a later one",
                             next_step="give each an id of its own, and let it use earlier ones alone")
        self.questions[made.id] = made
        return made


class _Late(Exception):
    """The call took too long in the world's time."""


class Case:
    """One history: a World, chance of its own, and the answer as actors in it.

    `size` grows from 0 to 1 over the histories of a check: make small cases first, so that the first failure is small.
    """

    def __init__(self, world: World, check: Check, size: float, actors: Callable[[str, bool, int], Actor]):
        self.world, self.size = world, size
        self.random: Random = Random(f"{world.seed}/{check.promise}")
        self._actors = actors
        self._present: dict[str, Actor] = {}
        self._lives: Counter[str] = Counter()

    @property
    def history(self) -> History:
        return self.world.history

    def pick(self, low: int, high: int) -> int:
        """A number of things from `low` to `high`, small in early histories."""
        return self.random.randint(low, max(low, low + round((high - low) * self.size)))

    def event(self, type: str = "OrderPlaced", key: str = "order-1042", **data) -> Event:
        """An event of the shop with its id and time from this world."""
        return self.world.event(type, data, source="shop", key=key)

    def actor(self, node: str = "bus", *, fresh: bool = False) -> Actor:
        """The answer at work on that node: one process a node. `fresh`: a new one, as after a crash."""
        if fresh or node not in self._present:
            self._lives[node] += 1
            self._present[node] = self._actors(node, fresh, self._lives[node])
        return self._present[node]

    def call(self, target: str | Object, *args, node: str = "bus", method: str = "") -> Any:
        """Call the answer, run the world until it is done, and return what it returns.

        Raises what it raises. What it has asked for later goes on when `run` is called.
        """
        return self.wait(self.calling(target, *args, node=node, method=method), node)

    def calling(self, target: str | Object, *args, node: str = "bus", method: str = "", by: str = "") -> Generator:
        """The same as a process, for a call out of one. The history shows the call, but for that of a class, on the
        node of the answer or of who calls it, `by`."""
        actor = target.actor if isinstance(target, Object) else self.actor(node)
        name = method or (target if isinstance(target, str) else "a call")
        if name[:1].isupper():
            return (yield from actor._converse(target, method, args, {}))
        about = next((arg.key for arg in args if isinstance(arg, Event)), None)
        operation = self.history.invoke(name, about, node=by or node)
        try:
            value = yield from actor._converse(target, method, args, {})
        except AnswerRaised as error:
            operation.fail(str(error))
            raise
        operation.ok()
        return value

    def wait(self, process: Generator, node: str = "bus") -> Any:
        """Run a process on a node, and the world with it, until it ends."""
        finished = self.world.spawn(process, node).then(lambda _: None)
        limit = self.world.after(HORIZON, lambda: finished.fail(_Late()))
        self.world.run(until=finished, steps=MOST_STEPS)
        limit.cancel()
        if isinstance(finished.error, _Late):
            self.blame("STUCK", "the call is not done after ten minutes of the world's time", name="stuck")
        return finished.value

    def run(self, seconds: float = 60.0) -> None:
        """Let the world go on for that long."""
        self.world.run(until=self.world.now() + seconds, steps=MOST_STEPS)

    def env(self, node: str = "bus") -> Port:
        """The answer's `env`: now(), after(delay, call), random()."""
        world, actor = self.world, self.actor(node)

        def after(delay, call):
            if not isinstance(call, Object) or not call.callable:
                raise WrongCall("env.after needs something to call: env.after(0.5, retry), without calling it yourself")
            if isinstance(delay, bool) or not isinstance(delay, int | float):
                raise WrongCall(f"env.after needs seconds, not {delay!r}")
            world.after(delay, lambda: world.spawn(actor.call(call), node))

        return Port("env", verbs={"now": world.now, "after": after, "random": world.random("env of the answer").random})

    def blame(self, hint: str, text: str, *entries: int, value: Any = None, name: str = "") -> NoReturn:
        """The answer has broken the promise: the hint's code, the accusation in one sentence with its facts, and the
        entries of the history that prove it. `name`: the anomaly's, by default the hint's in small letters."""
        found = Mistake(name or hint.lower().replace("_", "-"), text, tuple(entries), value)
        found.hint = hint
        raise Blame(found)

    def blame_first(self, anomalies: list[Anomaly], hints: dict[str, str]) -> None:
        """Blame the first anomaly whose name is in `hints`."""
        for anomaly in anomalies:
            if anomaly.name in hints:
                self.blame(hints[anomaly.name], anomaly.text, *anomaly.entries, value=anomaly.value, name=anomaly.name)

    def entries(self, kind: str = "invoke", what: str = "", node: str = "") -> list[int]:
        """The numbers of the history's entries of that kind, operation and node."""
        return [entry.number for entry in self.history if entry.kind == kind and what in ("", entry.what)
                and node in ("", entry.node)]


_BY_TEXT = {
    "time.sleep stops": "SLEEPS", "env.after needs something to call": "CALLS_AT_ONCE",
    "can't start new thread": "THREADS",
    "cannot access free variable": "ERROR_GONE", "cannot access local variable": "UNBOUND",
}
"""How an error's text begins, and the mistake behind it."""
_BY_TYPE = {
    "NotImplementedError": "NOT_ANSWERED", "SyntaxError": "SYNTAX", "IndentationError": "SYNTAX", "TabError": "SYNTAX",
    "SystemExit": "EXITS", "MemoryError": "MEMORY", "RecursionError": "RECURSION", "ImportError": "IMPORTS",
    "ModuleNotFoundError": "IMPORTS",
}
_BY_END = {"stuck": "STUCK", "asks": "ENDLESS", "died": "EXITS", "flood": "FLOOD"}
_NO_METHOD = re.compile(r"'(\w+)' object has no attribute '(\w+)'")


def mistake_of(error: AnswerRaised | AnswerBroke, world: World) -> Mistake:
    """What an answer did that ended its history, as a mistake of any question."""
    last = tuple(entry.number for entry in list(world.history)[-1:])
    if isinstance(error, AnswerBroke):
        found = Mistake(error.how, f"your code was stopped: {error}", last)
        found.hint = _BY_END.get(error.how, "NONSENSE")
        return found
    hint = next((known for begin, known in _BY_TEXT.items() if error.text.startswith(begin)),
                _BY_TYPE.get(error.type, "RAISES"))
    said = error.text.replace("'Port' object", "that object")  # a name of the judge's own, which no learner has met
    what = f"{error.type}: {said}" if said else error.type
    if "calling it runs nothing" in error.text:
        hint, text = "YIELDS", error.text
    elif not error.number and error.type == "NameError":
        hint, text = "NOT_DEFINED", error.text
    elif not error.number and (absent := _NO_METHOD.match(error.text)):
        hint, text = "NO_METHOD", f"`{absent[1]}` has no `{absent[2]}`"
    else:
        where = f"line {error.number} of {error.label}, `{error.line}`," if error.number else "your code"
        text = f"{where} raises {what}"
    found = Mistake("raises", text, last)
    found.hint = hint
    return found
