"""What is missing on a board: each rule of the notes, and the notes that break it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evlab.widgets.storm import Board, Sticky, is_past, sounds_past

__all__ = ["Missing", "missing"]


class Missing(NamedTuple):
    """One thing that is missing or wrong."""

    code: str
    """The rule, as in NO_COMMAND."""
    note: str
    """The id of the note that it is about."""
    column: int
    says: str
    """What is wrong, in one sentence."""
    cure: str
    """What would mend it."""


def missing(board: Board) -> list[Missing]:
    """All that the rules find, from left to right."""
    found = [one for rule in _RULES for one in rule(board)]
    return sorted(found, key=lambda one: one.column)


def _found(code: str, note: Sticky, says: str, cure: str) -> Missing:
    return Missing(code, note.id, note.column, says, cure)


def _names(board: Board) -> Iterator[Missing]:
    for event in board.of("event"):
        if not is_past(event.text):
            yield _found("NOT_PAST", event, f"The event {event.text!r} does not say what has happened.",
                         "name it in the past tense, as in OrderPlaced, or make it a command")
    for command in board.of("command"):
        if sounds_past(command.text):
            yield _found("SOUNDS_PAST", command, f"The command {command.text!r} speaks of the past.",
                         "name it as an order, as in PlaceOrder: it can still be refused")


def _events(board: Board) -> Iterator[Missing]:
    seen: dict[str, Sticky] = {}
    for event in board.of("event"):
        if not board.cell("command", event.column) and not board.of("policy", event.column):
            yield _found("NO_COMMAND", event, f"Nothing causes {event.text!r}: no command and no policy above it.",
                         "put the command above it, and who gives it")
        first = seen.setdefault(event.name, event)
        owners = board.context(first.column), board.context(event.column)
        if all(owners) and owners[0] != owners[1]:
            yield _found("TWO_OWNERS", event, f"{event.text!r} happens in {owners[0]} and in {owners[1]}.",
                         "one context publishes an event; the other one has an event with a name of its own")


def _commands(board: Board) -> Iterator[Missing]:
    for command in board.of("command"):
        column, name = command.column, command.text
        if not board.cell("who", column):
            yield _found("FROM_NOBODY", command, f"Nobody gives the command {name!r}.",
                         "put a person above it, or a policy")
        if not board.cell("decides", column):
            yield _found("NO_AGGREGATE", command, f"Nothing decides on {name!r}.",
                         "put the aggregate under it that may refuse it, or the outside system that does it")
        if not board.of("event", column):
            yield _found("NO_EVENT", command, f"After {name!r} nothing has happened.", "put the event under it")
        if len(board.of("command", column)) > 1 and command == board.of("command", column)[1]:
            yield _found("TWO_COMMANDS", command, f"Column {column} has two commands.", "give each a column of its own")


def _policies(board: Board) -> Iterator[Missing]:
    for policy in board.of("policy"):
        causes = board.causes(policy)
        if not causes:
            yield _found("NO_SUCH_EVENT", policy,
                         f"A policy waits for {policy.text!r}, and no such event is there.",
                         "put that event on the board, or write the name of another")
        elif min(event.column for event in causes) >= policy.column:
            yield _found("TOO_EARLY", policy,
                         f"A policy acts on {policy.text!r} before that has happened.",
                         "move its column behind the event")
        if not board.of("command", policy.column):
            yield _found("POLICY_ALONE", policy, f"Whenever {policy.text!r} happens: what then?",
                         "put the command under the policy")


def _without_command(board: Board) -> Iterator[Missing]:
    for note in [*board.of("person"), *board.of("aggregate"), *board.of("system")]:
        if not board.of("command", note.column):
            if note.kind == "person":
                yield _found("WANTS_NOTHING", note, f"{note.text!r} gives no command.", "put the command under it")
            else:
                yield _found("NOT_ASKED", note, f"Nothing asks {note.text!r} to decide.", "put the command above it")


def _contexts(board: Board) -> Iterator[Missing]:
    without = [column for column in board.used() if not board.context(column)]
    if without == board.used():
        without = without[:1]  # nobody has drawn a line yet: that is one thing, not eight
    for column in without:
        first = min((note for note in board.notes if note.column == column), key=lambda note: int(note.id[1:]))
        where = f"Column {column} belongs" if board.contexts else "No column belongs"
        yield _found("NO_CONTEXT", first, f"{where} to a bounded context." if not board.contexts else
                     f"{where} to no bounded context.", "name the part of the business whose words it uses")
    homes: dict[str, str] = {}
    for aggregate in board.of("aggregate"):
        here = board.context(aggregate.column)
        home = homes.setdefault(aggregate.name, here)
        if here and home and here != home:
            yield _found("TWO_HOMES", aggregate, f"The aggregate {aggregate.text!r} is in {home} and in {here}.",
                         "one context owns it; the other one means something else by the word, so name that")


def _read_models(board: Board) -> Iterator[Missing]:
    for view in board.of("read model"):
        if not board.of("event", view.column):
            yield _found("VIEW_ALONE", view, f"No event feeds the read model {view.text!r}.",
                         "move it under an event that changes what it shows")


_RULES = (_names, _events, _commands, _policies, _without_command, _read_models, _contexts)
