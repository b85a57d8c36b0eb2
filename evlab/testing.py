"""Given / when / then: a decider tested as one would tell it.

    given(account, Event(type="Deposited", data={"amount": 100})) \\
        .when(Withdraw(30)) \\
        .then(Event(type="Withdrawn", data={"amount": 30}))

Events are compared by their type and data: ids and times are new each time, and nobody cares.
Each `then` raises `NotAsTold`, which says what was expected and what was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evlab.decider import Decider, Rejected, check_decider
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.recorded import Recorded

__all__ = ["NotAsTold", "given"]


class NotAsTold(EvlabError, AssertionError):
    """The decider did something else than `then` says. `expected` and `found`."""


def given(decider: Decider, *events: Event | Recorded) -> Story:
    """A story that begins after these events, new ones or those of a store: `given(account, *store.read("account-1"))`.
    """
    check_decider(decider)
    return Story(decider, _checked(events, "given(account, first, second)"))


class Story:
    """What has happened (given), and what is asked for (when). `then` compares."""

    def __init__(self, decider: Decider, events: tuple[Event, ...], command: tuple = ()):
        self._decider, self._events, self._command = decider, events, command

    def when(self, command: Any) -> Story:
        """The command to decide."""
        if self._command:
            raise InvalidUse(f"this story has a command already, {self._command[0]!r:.60}",
                             next_step="put what the first command led to into given(...)")
        return Story(self._decider, self._events, (command,))

    def then(self, *expected: Event) -> None:
        """The command leads to exactly these events, in this order; to none if none is given."""
        wanted = f"{_list(_checked(expected, 'then(first, second)'))} was expected"
        found = self._decide(wanted, expected)
        if [_told(event) for event in found] != [_told(event) for event in expected]:
            raise NotAsTold(f"{self._command[0]!r} led to {_list(found)}", why=wanted,
                            next_step="look at decide, and at the state that evolve has made", expected=expected,
                            found=found)

    def then_rejected(self, text: str = "") -> None:
        """The command is refused, for a reason that has `text` in it."""
        try:
            found = self._decided()
        except Rejected as error:
            if text in error.what:
                return
            raise NotAsTold(f"{self._command[0]!r} was rejected: {error.what}", why=f"{text!r} was to be the reason",
                            next_step="look at the order of the rules in decide", expected=text, found=error) from error
        raise NotAsTold(f"{self._command[0]!r} led to {_list(found)}", why="it was to be rejected",
                        next_step="look at the rules in decide", expected=text, found=found)

    def then_state(self, expected: Any) -> None:
        """The given events, and those that the command leads to if there is one, add up to this state."""
        decided = self._decide(f"the state {expected!r} was expected", expected) if self._command else []
        found = self._decider.fold([*self._events, *decided])
        if found != expected:
            raise NotAsTold(f"the state is {found!r}", why=f"it was to be {expected!r}", next_step="look at evolve",
                            expected=expected, found=found)

    def _decide(self, wanted: str, expected: Any) -> list[Event]:
        """What the command leads to. It is not to be rejected."""
        try:
            return self._decided()
        except Rejected as error:
            raise NotAsTold(f"{self._command[0]!r} was rejected: {error.what}", why=wanted,
                            next_step="look at the rules in decide", expected=expected, found=error) from error

    def _decided(self) -> list[Event]:
        if not self._command:
            raise InvalidUse("this story has no command", next_step="write given(...).when(command).then(...)")
        return self._decider.decided(self._command[0], self._decider.fold(self._events))


def _checked(events: tuple, example: str) -> tuple[Event, ...]:
    events = tuple(one.event if isinstance(one, Recorded) else one for one in events)
    for event in events:
        if not isinstance(event, Event):
            raise InvalidUse(f"{event!r:.60} is no Event", next_step=f"give the events one by one: {example}")
    return events


def _told(event: Event) -> tuple[str, dict[str, Any]]:
    return event.type, event.data


def _list(events: Iterable[Event]) -> str:
    return ", ".join(f"{event.type} {event.data}" for event in events) or "nothing"
