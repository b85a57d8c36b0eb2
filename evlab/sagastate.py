"""Where a saga is: what its events add up to.

The events of a saga are decided in evlab.steps. Here is the other half: one small function for each type of event, that
says what it changes. None of them has a rule; what has happened has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from evlab.errors import InvalidUse
from evlab.event import Event

if TYPE_CHECKING:
    from evlab.steps import Saga

__all__ = ["ENDED", "EVOLVE", "SagaState"]

ENDED = ("completed", "compensated")
"""Phases after which nothing more happens. A parked saga has not ended."""


class SagaState:
    """Where one saga is: what its events add up to.

    data: its input and, under the name of each step that is done, the data of the reply; what actions get.
    phase: "running", "undoing", "completed", "compensated" or "parked". at: the index of its present step.
    command: what was sent last and is not answered yet. attempt: how often the present step was asked.
    why: why it is parked or, if it is not, why it turned back. last: the type of its newest event. version: of its
    stream.
    """

    __slots__ = ("again", "at", "attempt", "cause", "command", "correlation", "data", "id", "last", "phase",
                 "turned_back", "undoing", "version", "why")

    def __init__(self):
        self.id, self.data, self.phase, self.version = "", {}, "new", 0
        self.at, self.attempt, self.undoing = -1, 0, False
        self.command: Event | None = None
        self.again = False  # the next command of this step is a new one: the last was refused
        self.cause = self.correlation = self.why = self.turned_back = self.last = ""

    @property
    def asking(self) -> bool:
        """Is a command under way whose answer is waited for?"""
        return self.command is not None and self.last == "CommandSent" and self.phase in ("running", "undoing")

    def copy(self) -> SagaState:
        """The same, and it stays so: the orchestrator's own goes on with the saga."""
        copy = object.__new__(SagaState)
        for name in SagaState.__slots__:
            setattr(copy, name, getattr(self, name))
        return copy

    def __repr__(self) -> str:
        return f"SagaState({self.id}: {self.phase}, step {self.at}, attempt {self.attempt})"


def _started(saga: Saga, state: SagaState, event: Event) -> None:
    state.id, state.data, state.phase = event.data["id"], dict(event.data["input"]), "running"
    # Commands are caused by what can be heard on the bus: the event that the saga began with, if there is one.
    state.correlation, state.cause = event.correlation_id or event.id, event.causation_id or event.id


def _sent(saga: Saga, state: SagaState, event: Event) -> None:
    data = event.data
    if "command" in data:
        at = data["at"]
        if at >= len(saga.steps) or saga.steps[at].name != data["step"]:
            raise InvalidUse(f"step {at} of {saga.name} is no longer {data['step']}",
                             why=f"the saga {state.id} began with other steps",
                             next_step="keep the steps until all have ended; give a saga with new ones a new name")
        made_here = event.__dict__.get("_command")
        state.command = made_here or Event.kept(data["command"].encode())  # the store's checksum guards it
        state.at = at
    state.attempt, state.undoing, state.again = data["attempt"], data["undo"], False
    state.phase = "undoing" if state.undoing else "running"
    state.why = state.turned_back = data.get("why") or state.turned_back


def _step_done(saga: Saga, state: SagaState, event: Event) -> None:
    state.data = state.data | {event.data["step"]: event.data["reply"]}
    state.command = None


def _step_undone(saga: Saga, state: SagaState, event: Event) -> None:
    state.command = None


def _refused(saga: Saga, state: SagaState, event: Event) -> None:
    state.again = True


def _nothing(saga: Saga, state: SagaState, event: Event) -> None:
    """The outcome is as unknown as before."""


def _ended(saga: Saga, state: SagaState, event: Event) -> None:
    state.phase, state.command = "completed" if event.type == "SagaCompleted" else "compensated", None
    state.why = event.data.get("why", "")


def _parked(saga: Saga, state: SagaState, event: Event) -> None:
    data = event.data
    state.phase, state.why = "parked", data["why"]
    if "at" in data:  # the code of that step failed: nothing is under way
        state.at, state.undoing, state.command, state.again = data["at"], data["undo"], None, False
        state.turned_back = data["turned_back"] or state.turned_back


def _taken_up(saga: Saga, state: SagaState, event: Event) -> None:
    state.phase, state.attempt = "undoing" if state.undoing else "running", 0


EVOLVE: dict[str, Callable[[Saga, SagaState, Event], None]] = {
    "SagaStarted": _started, "CommandSent": _sent, "StepDone": _step_done, "StepUndone": _step_undone,
    "StepRefused": _refused, "StepUnanswered": _nothing, "SagaCompleted": _ended, "SagaCompensated": _ended,
    "SagaParked": _parked, "PersonDecided": _taken_up, "SagaTakenUp": _taken_up}
"""What each type of event changes, in a state of that saga."""
