"""The rules of a saga, as pure functions: which events follow from a reply, from silence, from a person's decision.

A saga is a row of steps in several services, each with a transaction of its own. There is no common rollback. What was
done is undone by another command, its compensation, in reverse order; and from some step on there is no way back.

    compensatable   can be undone: reserve stock, authorise a payment
    pivot           at most one. Before it the saga may turn back; once it is done it goes forward to the end
    retriable       after the pivot: may be late, is tried again, and cannot be refused for good

A reply says "done" or "refused". No reply says nothing: the step may have happened. So a compensatable step that does
not answer is asked again with the SAME command, and if it never answers, it is undone like one that was done. A pivot
that does not answer can be neither undone nor taken for done: the saga is parked for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evlab.bus import Retry
from evlab.env import check_delay
from evlab.errors import EvlabError, InvalidUse, learner_lines
from evlab.event import Event, in_conversation, made_of_proven
from evlab.sagastate import ENDED, EVOLVE, SagaState
from evlab.wire import check

__all__ = ["ENDED", "KINDS", "Saga", "SagaState", "Step", "StepBroken"]

KINDS = ("compensatable", "pivot", "retriable")


class StepBroken(EvlabError):
    """The code of a step failed, or returned what is no command. `start` raises it; a saga that has begun is parked."""


@dataclass(frozen=True)
class Step:
    """One step of a saga.

    action: a function of the saga's state that returns the command, an `Event` to be sent. compensation: the same for
    the command that undoes it; None if there is nothing to undo. Who receives them has to cope with four things
    (notebook 17): a command that comes twice is answered twice and done once; an undo may come without its action, and
    is answered all the same; an action may come after its undo, and must then be refused.
    refused: types of replies, to the action or to its undo, that mean "no, and nothing was done". A command that was
    refused is never sent again: the next try has an id of its own.
    done: types of replies, to the action or to its undo, that mean "yes". A reply of a type in neither list parks the
    saga: nobody knows what it means. WITHOUT `done`, any event that the command caused and `refused` does not name is
    a yes; then a slip of the pen in `refused` makes a yes of each no.
    timeout: seconds without a reply after which the outcome is unknown. retry: how often to ask, and the wait between.
    """

    name: str
    action: Callable[[dict], Event]
    compensation: Callable[[dict], Event] | None = None
    timeout: float = 5.0
    retry: Retry = field(default_factory=lambda: Retry(attempts=3, first=1.0))
    kind: str = "compensatable"
    refused: tuple[str, ...] = ()
    done: tuple[str, ...] | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise InvalidUse(f"{self.name!r:.60} names no step", next_step='give a name, such as "reserve stock"')
        if not callable(self.action) or not (self.compensation is None or callable(self.compensation)):
            raise InvalidUse(f"the step {self.name} has nothing to call",
                             next_step="give functions of the state that return a command")
        if self.kind not in KINDS:
            raise InvalidUse(f"kind={self.kind!r:.40} of {self.name} is not known",
                             next_step=f"give one of {', '.join(KINDS)}")
        if self.compensation is not None and self.kind != "compensatable":
            raise InvalidUse(f"{self.name} is a {self.kind} step and has a compensation",
                             why="from the pivot on there is no way back, so nobody would call it",
                             next_step="leave the compensation out, or make the step compensatable")
        if not isinstance(self.retry, Retry):
            raise InvalidUse(f"retry={self.retry!r:.40} of {self.name}", next_step="give Retry(attempts=3)")
        if check_delay(self.timeout) == 0:
            raise InvalidUse(f"{self.name} has no time to answer", next_step="give a timeout above 0 seconds")
        self._take_types("refused", 'that mean no, such as ("OutOfStock",)')
        if self.done is not None:
            self._take_types("done", 'that mean yes, such as ("StockReserved", "StockReleased")')
            if not self.done or set(self.done) & set(self.refused):
                raise InvalidUse(f"done={self.done!r:.60} of {self.name} leaves no yes, or is refused as well",
                                 why="each reply means one thing", next_step="name each type in one of the two lists")

    def _take_types(self, name: str, which: str) -> None:
        given = getattr(self, name)
        types = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
        if not all(isinstance(type, str) and type for type in types):
            raise InvalidUse(f"{name}={given!r:.60} of {self.name} is no list of event types",
                             next_step=f"give the types of replies {which}")
        object.__setattr__(self, name, types)


class Saga:
    """`Saga("order", [Step(...), ...])`: a name and the steps in their order.

    Raises `InvalidUse` for an order in which it could get stuck: compensatable steps come first, then at most one
    pivot, then retriable ones.
    """

    def __init__(self, name: str, steps: Iterable[Step]):
        self.name, self.steps = name, tuple(steps) if isinstance(steps, Iterable) else (steps,)
        if not isinstance(name, str) or not name:
            raise InvalidUse(f"{name!r:.60} names no saga", next_step='give a name, such as "order"')
        if not self.steps or not all(isinstance(step, Step) for step in self.steps):
            raise InvalidUse(f"the saga {name} has no steps", next_step="give a list of Step(...)")
        if len({step.name for step in self.steps}) < len(self.steps):
            raise InvalidUse(f"two steps of {name} have the same name", next_step="name each by what it does")
        ranks = [KINDS.index(step.kind) for step in self.steps]
        if ranks != sorted(ranks) or ranks.count(1) > 1:
            raise InvalidUse(f"the steps of {name} are {', '.join(step.kind for step in self.steps)}",
                             why="what can still be refused may not come after what cannot be undone",
                             next_step="order them: compensatable, then one pivot, then retriable")
        check([name, *(step.name for step in self.steps)], "$.names")  # they go into each event without another proof

    # ------------------------------------------------------------------------------- decisions: state -> events

    def started(self, id: str, data: dict, correlation: str | None = None, cause: Event | None = None) -> list[Event]:
        """The first events of a saga. Raises `InvalidUse`, and `StepBroken` if the first action fails.

        cause: the event that the saga begins with; it gives the correlation, unless you do.
        """
        if not isinstance(id, str) or not id:
            raise InvalidUse(f"{id!r:.60} is no id of a saga", next_step='give a string, such as "1042"')
        if not isinstance(data, dict):
            raise InvalidUse(f"{data!r:.60} is no input", next_step="give a dict, of which actions get a copy")
        clash = [step.name for step in self.steps if step.name in data]
        if clash:
            raise InvalidUse(f"the input of {self.name} has a key {clash[0]!r}, as a step has",
                             why="its reply will be kept under that name", next_step="rename one of the two")
        if cause is not None:
            if not isinstance(cause, Event):
                raise InvalidUse(f"{cause!r:.60} is no cause", next_step="give the event that the saga begins with")
            correlation = correlation or cause.correlation_id
        first = Event(type="SagaStarted", data={"id": id, "input": data}, source=self.name, key=id,
                      correlation_id=correlation or None, causation_id=cause.id if cause is not None else None)
        state = self.evolve(SagaState(), first)
        return [first, self._sent(state, 0, False, self._made(state.data, 0, undo=False))]

    def replied(self, state: SagaState, reply: Event) -> list[Event]:
        """What follows from a reply. Nothing, if it is doubled, late, or no reply to the present command."""
        if state.command is None or reply.causation_id != state.command.id:
            return []
        step = self.steps[state.at]
        if reply.type not in step.refused:
            if step.done is not None and reply.type not in step.done:
                return self._not_known(state, reply)
            return self._done(state, reply, reply.data)
        if state.again:
            return []  # it has been refused already
        if state.undoing or step.kind == "retriable":
            return [self._note(state, "StepRefused", reply, attempt=state.attempt), *self._unless_again(
                state, f"{step.name} refused {'its undo ' if state.undoing else ''}{state.attempt} times")]
        return [self._note(state, "StepRefused", reply, attempt=state.attempt, why=reply.type),
                *self._undo_from(state, state.at - 1, reply, why=reply.type)]

    def _not_known(self, state: SagaState, reply: Event) -> list[Event]:
        """A reply that is neither a yes nor a no: as unknown as silence, and to ask again would bring the same."""
        if state.phase == "parked" or state.again:
            return []  # somebody is to look at it anyway, or it has been refused already
        undo = " to its undo" if state.undoing else ""
        why = f"{self.steps[state.at].name} answered{undo} with {reply.type}: nobody knows what that means"
        return [self._note(state, "SagaParked", reply, why=why)]

    def _done(self, state: SagaState, reply: Event, found: dict) -> list[Event]:
        if state.undoing:
            return [self._note(state, "StepUndone", reply), *self._undo_from(state, state.at - 1, reply)]
        name = self.steps[state.at].name
        done = self._event(state, "StepDone", {"step": name, "reply": found, "reply_id": reply.id})
        if state.at + 1 == len(self.steps):
            return [done, self._event(state, "SagaCompleted", {})]
        data = state.data | {name: found}
        return [done, self._command(state, state.at + 1, undo=False, data=data, cause=reply.id)]

    def unanswered(self, state: SagaState) -> list[Event]:
        """What follows from silence. While attempts are left: only a note; after the wait, `again`."""
        if not state.asking:
            return []
        step = self.steps[state.at]
        note = self._note(state, "StepUnanswered", attempt=state.attempt)
        if state.attempt < step.retry.attempts:
            return [note]
        if step.kind == "compensatable" and not state.undoing:
            # It may have happened, so it is undone as if it had.
            return [note, *self._undo_from(state, state.at, why=f"{step.name} did not answer")]
        to_undo = " to its undo" if state.undoing else ""
        why = f"{step.name} did not answer{to_undo}: nobody knows its outcome"
        return [note, *self._unless_again(state, why)]

    def _unless_again(self, state: SagaState, why: str) -> list[Event]:
        if state.attempt < self.steps[state.at].retry.attempts:
            return []
        return [self._note(state, "SagaParked", why=why)]

    def again(self, state: SagaState) -> list[Event]:
        """Ask the present step once more: the same command if its outcome is unknown, a new one if it was refused."""
        return [] if state.phase in ("parked", *ENDED) else [self._ask(state, state.attempt + 1)]

    def taken_up(self, state: SagaState) -> list[Event]:
        """What follows when a parked saga is to try its step again, with all its attempts."""
        return [self._note(state, "SagaTakenUp"), self._ask(state, 1)]

    def _ask(self, state: SagaState, attempt: int) -> Event:
        if state.again or state.command is None:
            return self._command(state, state.at, state.undoing, attempt=attempt)
        return self._note(state, "CommandSent", attempt=attempt, undo=state.undoing)

    def decided(self, state: SagaState, done: bool, note: str, reply: dict | None = None) -> list[Event]:
        """What follows when a person has found out whether the parked step, or its undo, has happened.

        reply: what the step would have answered, for the actions that come after it.
        """
        step = self.steps[state.at]
        found = self._proven(state, "PersonDecided", {"step": step.name, "done": done, "note": note})
        if done:
            reply = {} if reply is None else reply
            check({"reply": reply}, "$.payload", 1)
            return [found, *self._done(state, found, _copy(reply))]
        if state.undoing or step.kind == "retriable":
            raise InvalidUse(f"{step.name} has to be {'undone' if state.undoing else 'done'}, and is not",
                             why="there is no other way out of this saga",
                             next_step="do it by hand and say so, or let the saga try again: retry(id)")
        return [found, *self._undo_from(state, state.at - 1, found, why=note)]

    def _undo_from(self, state: SagaState, at: int, cause: Event | None = None, why: str = "") -> list[Event]:
        """Undo the step `at` or, if it has nothing to undo, the one before it; when none is left, it is over."""
        while at >= 0 and self.steps[at].compensation is None:
            at -= 1
        if at < 0:
            return [self._event(state, "SagaCompensated", {"why": why or state.turned_back})]
        return [self._command(state, at, undo=True, cause=cause.id if cause else "", why=why)]

    # ---------------------------------------------------------------------------------------- making events

    def _command(self, state: SagaState, at: int, undo: bool, *, data: dict | None = None, cause: str = "",
                 why: str = "", attempt: int = 1) -> Event:
        """The note that a command is about to be sent or, if the step's own code fails, that the saga is parked there
        until somebody has mended the code."""
        try:
            command = self._made(state.data if data is None else data, at, undo)
        except StepBroken as error:
            return self._proven(state, "SagaParked", {"step": self.steps[at].name, "at": at, "undo": undo,
                                                      "why": f"{error.what}: {error.why}", "turned_back": why})
        return self._sent(state, at, undo, command, cause=cause, why=why, attempt=attempt)

    def _made(self, data: dict, at: int, undo: bool) -> Event:
        """What the step's own code makes of the saga's data. Raises `StepBroken`."""
        step = self.steps[at]
        make = step.compensation if undo else step.action
        which = "compensation" if undo else "action"
        try:
            command = make(_copy(data))
        except Exception as error:
            where = "".join(f"{place}: {code}. " for place, code in learner_lines(error)[-1:])
            raise StepBroken(f"the {which} of {step.name} failed", why=f"{where}{type(error).__name__}: {error}",
                             next_step="mend it; nothing was sent or written") from error
        if not isinstance(command, Event):
            raise StepBroken(f"the {which} of {step.name} gives no command", why=f"it returned {command!r:.60}",
                             next_step="return Event(type=..., data=...); nothing was sent or written")
        return command

    def _sent(self, state: SagaState, at: int, undo: bool, command: Event, *, cause: str = "", why: str = "",
              attempt: int = 1) -> Event:
        """The note that a command is about to be sent, with the command in it: a resumed saga sends the very same."""
        command = in_conversation(command, state.correlation, cause or state.cause or None)
        sent = self._event(state, "CommandSent", {"step": self.steps[at].name, "at": at, "attempt": attempt,
                                                  "undo": undo, "why": why, "command": command.to_json().decode()})
        sent.__dict__["_command"] = command  # for `evolve`, which need not read what was written this moment
        return sent

    def _note(self, state: SagaState, type: str, cause: Event | None = None, **more: Any) -> Event:
        data = {"step": self.steps[state.at].name, **more}
        if cause is not None:
            data["reply_id"] = cause.id
        return self._event(state, type, data)

    def _event(self, state: SagaState, type: str, data: dict) -> Event:
        return made_of_proven(type, data, self.name, state.id, state.correlation)

    def _proven(self, state: SagaState, type: str, data: dict) -> Event:
        """The same for data in which somebody's own text stands."""
        return Event(type=type, data=data, source=self.name, key=state.id, correlation_id=state.correlation)

    # --------------------------------------------------------------------------------- evolution: event -> state

    def evolve(self, state: SagaState, event: Event) -> SagaState:
        """The state after an event. It changes `state` itself, as a saga reads its own events one by one."""
        evolve = EVOLVE.get(event.type)
        if evolve is None:
            raise InvalidUse(f"{event.type} is no event of a saga", why="another program has written to its stream",
                             next_step=f"give the streams of {self.name} to nobody else")
        evolve(self, state, event)
        state.version, state.last = state.version + 1, event.type
        return state


def _copy(data: dict) -> dict:
    """A copy that shares nothing: an action may change what it gets, and the events keep what they hold."""
    return msgspec.json.decode(msgspec.json.encode(data))
