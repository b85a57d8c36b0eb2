"""The rules of a saga against everything that the world may do to it, move by move and without a clock.

A `Play` is a saga, the services that its commands reach, and what is under way between them. `moves` lists all that may
happen next: a command arrives, first or again, late or never; its answer arrives or is lost; time passes; a service
refuses; a person looks. `play` makes one happen and raises an `AssertionError` if it should have been impossible.
"""

from __future__ import annotations

from evlab import Event, Retry
from evlab.errors import InvalidUse
from evlab.steps import ENDED, Saga, SagaState, Step

__all__ = ["Play", "explore", "six_steps"]


def six_steps(attempts: int = 2, without_undo: tuple[str, ...] = (), done: str | None = None) -> Saga:
    """Three steps that can be undone, a pivot, two that are tried until they work. done: the one reply that says yes;
    None: all say yes but a refusal."""
    def asks(step: str, undo: bool = False):
        return lambda state: Event(type="Undo" if undo else "Do", data={"step": step}, source="shop")

    def step(name: str, kind: str) -> Step:
        undo = kind == "compensatable" and name not in without_undo
        return Step(name, asks(name), asks(name, undo=True) if undo else None, kind=kind, refused="Refused",
                    retry=Retry(attempts=attempts), done=done)

    kinds = ["compensatable"] * 3 + ["pivot"] + ["retriable"] * 2
    return Saga("order", [step(name, kind) for name, kind in zip("abcdef", kinds, strict=True)])


class Play:
    """One saga and its services. refusals: how many commands the services may refuse, in all; odd: to how many they may
    answer, each time, with what the saga does not know."""

    def __init__(self, saga: Saga, refusals: int = 1, odd: int = 0):
        self.saga, self.refusals, self.odd = saga, refusals, odd
        self.events: tuple[Event, ...] = ()
        self.state = SagaState()
        self.commands: tuple[Event, ...] = ()  # all that were ever sent: any of them may arrive, at any time
        self.answers: dict[str, Event] = {}  # by the command's id
        self.done: tuple[str, ...] = ()  # steps that are done and not undone, oldest first
        self.buried: frozenset[str] = frozenset()  # steps that were undone: an action that comes now is refused
        self.pivot = next((step.name for step in saga.steps if step.kind == "pivot"), "")
        self._happen(saga.started("1", {}))

    # ------------------------------------------------------------------------------------------ what may happen

    def moves(self) -> list[tuple]:
        found: list[tuple] = []
        for number, command in enumerate(self.commands):
            if command.id not in self.answers:
                found.append(("arrive", number))
                if self.odd:
                    found.append(("odd", number))
                if self.refusals and not self._was_done(command):
                    found.append(("refuse", number))
            else:
                found.append(("answer", number))
        if self.state.asking:
            found.append(("silence",))
        elif self.state.phase in ("running", "undoing"):
            found.append(("again",))
        elif self.state.phase == "parked":
            found += [("retry",), ("settle",)]
        return found

    def _was_done(self, command: Event) -> bool:
        return command.type == "Do" and command.data["step"] in self.done

    def play(self, move: tuple) -> None:
        kind, command = move[0], self.commands[move[1]] if len(move) > 1 else None
        if kind == "arrive":
            self._serve(command)
        elif kind == "odd":
            self.odd -= 1
            self._serve(command)
            self.answers = self.answers | {command.id: command.caused("Odd", {})}
        elif kind == "refuse":
            self.refusals -= 1
            self.answers = self.answers | {command.id: command.caused("Refused", {})}
        elif kind == "answer":
            self._answer(command)
        elif kind == "silence":
            self._happen(self.saga.unanswered(self.state))
        elif kind == "again":
            self._happen(self.saga.again(self.state))
        elif kind == "retry":
            self._happen(self.saga.taken_up(self.state))
        else:
            self._settle()

    def _serve(self, command: Event) -> None:
        """What a service does that keeps its promise: an action after its undo is refused."""
        step = command.data["step"]
        reply = "Done"
        if command.type == "Undo":
            self._undo(step)
        elif step in self.buried:
            reply = "Refused"
        else:
            self._do(step)
        self.answers = self.answers | {command.id: command.caused(reply, {})}

    def _do(self, step: str) -> None:
        names = [one.name for one in self.saga.steps]
        assert step not in self.done, f"{step} is done twice"
        before = [name for name in names[:names.index(step)] if name not in self.done]
        # A step that nobody has to undo may be as late as it likes.
        harmless = self._step(step).kind == "compensatable" and not self._undoable(step)
        assert not before or harmless, f"{step} is done before {before}"
        self.done += (step,)

    def _undo(self, step: str) -> None:
        if step in self.done:
            assert self.pivot not in self.done, f"{step} is undone beyond the pivot"
            after = [name for name in self.done[self.done.index(step) + 1:] if self._undoable(name)]
            assert not after, f"{step} is undone before {after}"
            self.done = tuple(name for name in self.done if name != step)
        self.buried |= {step}

    def _step(self, name: str) -> Step:
        return next(step for step in self.saga.steps if step.name == name)

    def _undoable(self, name: str) -> bool:
        return self._step(name).compensation is not None

    def _answer(self, command: Event) -> None:
        current = self.state.command is not None and self.state.command.id == command.id
        events = self.saga.replied(self.state, self.answers[command.id])
        assert current or events == [], f"a late answer to {command} is taken for one to {self.state.command}"
        self._happen(events)

    def _settle(self) -> None:
        """A person asks the service; what was not done there has to be done, or cannot be any more."""
        step, undoing = self.saga.steps[self.state.at], self.state.undoing
        done = step.name not in self.done if undoing else step.name in self.done
        try:
            events = self.saga.decided(self.state, done, "asked by Ann")
        except InvalidUse:
            assert not done and (undoing or step.kind == "retriable")
            return
        if undoing or not done:  # the person sees to it that the action will do nothing any more
            self.buried |= {step.name}
        self._happen(events)

    def _happen(self, events: list[Event]) -> None:
        for event in events:
            assert self.state.phase not in ENDED, f"{event.type} after the end"
            self.state = self.saga.evolve(self.state.copy(), event)
        self.events += tuple(events)
        if events and self.state.command is not None and all(one.id != self.state.command.id for one in self.commands):
            self.commands += (self.state.command,)
        self.look()

    # ------------------------------------------------------------------------------------------ what has to hold

    def look(self) -> None:
        state, names = self.state, [step.name for step in self.saga.steps]
        assert state.phase in ("running", "undoing", "parked", *ENDED), state
        assert state.attempt <= self.saga.steps[state.at].retry.attempts, state
        if state.phase == "completed":
            assert list(self.done) == names, f"completed, and done are {self.done}"
        if state.phase == "compensated":
            assert not any(self._undoable(name) for name in self.done), f"compensated, and done are {self.done}"
        if state.undoing:
            assert self.pivot not in self.done, "turned back beyond the pivot"

    def restart(self) -> None:
        """An orchestrator that comes back knows what its events say, and nothing else."""
        state = SagaState()
        for event in self.events:
            self.saga.evolve(state, Event.from_json(event.to_json()))
        before = {name: getattr(self.state, name) for name in SagaState.__slots__}
        assert {name: getattr(state, name) for name in SagaState.__slots__} == before
        self.state = state

    def copy(self) -> Play:
        other = object.__new__(Play)
        other.__dict__.update(self.__dict__)
        return other

    def key(self) -> tuple:
        """What tells two plays apart in what can still happen. Commands count by what they ask, not by their ids."""
        state = self.state
        asked = tuple((command.type, command.data["step"],
                       answer.type if (answer := self.answers.get(command.id)) else "",
                       state.command is not None and command.id == state.command.id) for command in self.commands)
        return (state.phase, state.at, state.undoing, state.attempt, state.again, state.last, self.refusals, self.odd,
                self.done, self.buried, frozenset(asked))


def explore(saga: Saga, refusals: int, most: int, odd: int = 0) -> tuple[dict, dict]:
    """Everything that can happen: the plays, by key, and from which others each is reached. At most `most` plays."""
    first = Play(saga, refusals, odd)
    found, before = {first.key(): first}, {}
    waiting = [first]
    while waiting:
        play = waiting.pop()
        for move in play.moves():
            after = play.copy()
            after.play(move)
            key = after.key()
            before.setdefault(key, set()).add(play.key())
            if key not in found:
                assert len(found) < most, "more than that can happen"
                found[key] = after
                waiting.append(after)
    return found, before
