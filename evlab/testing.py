"""Given / when / then: a decider tested as one would tell it.

    given(account, Event(type="Deposited", data={"amount": 100})) \\
        .when(Withdraw(30)) \\
        .then(Event(type="Withdrawn", data={"amount": 30}))

Events are compared by their type and data: ids and times are new each time, and nobody cares.
"""

from __future__ import annotations

from typing import Any

from evlab.decider import Decider, Rejected
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event

__all__ = ["NotAsTold", "given"]


class NotAsTold(EvlabError, AssertionError):
    """The decider did something else than `then` says. `expected` and `found`."""


def given(decider: Decider, *events: Event) -> Story:
    """A story that begins after these events."""
    return Story(decider, events)


class Story:
    """What has happened (given), and what is asked for (when). `then` compares."""

    def __init__(self, decider: Decider, events: tuple[Event, ...], command: tuple = ()):
        self._decider, self._events, self._command = decider, events, command

    def when(self, command: Any) -> Story:
        """The command to decide."""
        return Story(self._decider, self._events, (command,))

    def then(self, *expected: Event) -> None:
        """The command leads to just these events, in this order; to none if none is given. Raises `NotAsTold`."""
        try:
            found = self._decide()
        except Rejected as error:
            raise NotAsTold(f"{self._command[0]!r} was rejected: {error.what}", why=_wanted(expected),
                            next_step="look at the rules in decide", expected=expected, found=error) from error
        if [_told(event) for event in found] != [_told(event) for event in expected]:
            raise NotAsTold(f"{self._command[0]!r} led to {_list(found)}", why=_wanted(expected),
                            next_step="look at decide, and at the state that evolve has made", expected=expected,
                            found=found)

    def then_rejected(self, text: str = "") -> None:
        """The command is refused, for a reason that has `text` in it. Raises `NotAsTold`."""
        try:
            found = self._decide()
        except Rejected as error:
            if text in error.what:
                return
            raise NotAsTold(f"{self._command[0]!r} was rejected: {error.what}", why=f"{text!r} was to be the reason",
                            next_step="look at the order of the rules in decide", expected=text, found=error) from error
        raise NotAsTold(f"{self._command[0]!r} led to {_list(found)}", why="it was to be rejected",
                        next_step="look at the rules in decide", expected=text, found=found)

    def then_state(self, expected: Any) -> None:
        """The given events, and those that the command leads to if there is one, add up to this state."""
        events = [*self._events, *(self._decide() if self._command else [])]
        found = self._decider.fold(events)
        if found != expected:
            raise NotAsTold(f"the state is {found!r}", why=f"it was to be {expected!r}", next_step="look at evolve",
                            expected=expected, found=found)

    def _decide(self) -> list[Event]:
        if not self._command:
            raise InvalidUse("this story has no command", next_step="write given(...).when(command).then(...)")
        return self._decider.decided(self._command[0], self._decider.fold(self._events))


def _told(event: Event) -> tuple[str, dict[str, Any]]:
    return event.type, event.data


def _list(events) -> str:
    return ", ".join(f"{event.type} {event.data}" for event in events) or "nothing"


def _wanted(expected: tuple[Event, ...]) -> str:
    return f"{_list(expected)} was expected"
