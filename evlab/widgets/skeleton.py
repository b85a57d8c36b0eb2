"""From a board to a Python module on evlab: it runs, and its rules are still to be written."""

from __future__ import annotations

import keyword

from evlab.event import Event
from evlab.widgets.storm import Board, Sticky, name_of

__all__ = ["skeleton"]

HEAD = '''"""Made from a board: {size}. It runs; the rules are yours to write."""

from typing import NamedTuple

from evlab import Bus, CommandHandler, Decider, Event, EventStore

bus, store = Bus(), EventStore()
OUTCOME = {{  # what each command leads to, as long as no rule decides
{outcomes}}}


class Command(NamedTuple):
    """Something that is wanted of one thing, named by its key, and the event because of which it is wanted."""

    name: str
    key: str
    cause: Event | None = None


def give(name, key, cause=None):
    """Let the command be decided on, append what was decided, and publish it."""
    for recorded in HANDLER[name].handle(Command(name, key, cause)):
        bus.publish(recorded.event)


def happened(command, state, source):
    """The event that the command leads to; None if it has happened to this thing before."""
    type, cause = OUTCOME[command.name], command.cause
    if type in state:
        return None
    if cause is not None:
        return cause.caused(type, source=source, key=command.key)
    return Event(type=type, data={{}}, source=source, key=command.key)
'''
DECIDER = '''
def decide_{name}(command, state):
    """{says} To refuse, raise evlab's Rejected."""
    return happened(command, state, {source})


def evolve_{name}(state, event):
    """The state is what has happened, for now."""
    return [*state, event.type]


{name} = CommandHandler(store, Decider(list, decide_{name}, evolve_{name}),
{indent}lambda command: f"{stream}-{{command.key}}")
'''
POLICY = '''
@bus.subscribe({pattern}, name={name})
def {function}(event):
    """Whenever {event}: {command}."""
    give({command!r}, event.key, event)
'''
VIEW = '''
{variable} = {{}}


@bus.subscribe("#", name={name})
def see_{variable}(event):
    """A read model: what the reader of {variable} sees."""
    if event.type in {events}:
        {variable}[event.key] = event.type
'''
FOOT = '''
HANDLER = {{{handlers}}}
"""What decides on each command."""

if __name__ == "__main__":
    bus.subscribe("#", lambda event: print(event.type, "by", event.source), name="printer")
{first}'''


def skeleton(board: Board) -> str:
    """The board as Python text: a decider for each aggregate, a subscription for each policy, a dict for each read
    model. Run as a program it gives the first command that a person gives, and prints what happens.

    A column without a command or an event gives nothing. Whatever is written on the notes, the text is valid Python,
    and no word of a note is run as code.
    """
    steps = [(board.of("command", column)[0], board.of("event", column)) for column in board.used()
             if board.of("command", column) and board.of("event", column)]
    outcome = {}
    for command, events in steps:
        outcome.setdefault(command.name, list(dict.fromkeys(event.name for event in events)))
    deciders = {command.name: _decider(board, command) for command, _ in steps}
    size = f"{len(outcome)} command{'s' * (len(outcome) != 1)}, {len(set(sum(outcome.values(), [])))} events"
    parts = [HEAD.format(size=size, outcomes="".join(map(_outcome, outcome.items())))]
    for context in dict.fromkeys(board.context(command.column) for command, _ in steps):
        parts.append(f"\n# {'-' * 70} {context or 'no context yet'}\n")
        parts += _of_context(board, context, steps, deciders)
    parts += _views(board)
    handlers = ", ".join(f"{name!r}: {decider}" for name, decider in deciders.items())
    parts.append(FOOT.format(handlers=handlers, first=_first(board, steps)))
    return "\n".join(parts)


def _outcome(item: tuple[str, list[str]]) -> str:
    command, events = item
    others = f"  # or {', '.join(map(repr, events[1:]))}" if events[1:] else ""
    return f"    {command!r}: {events[0]!r},{others}\n"


def _decider(board: Board, command: Sticky) -> str:
    """The name of what decides on a command, as a variable."""
    deciding = board.cell("decides", command.column)
    return _variable(deciding[0].name if deciding else f"Undecided{command.name}")


def _of_context(board: Board, context: str, steps: list, deciders: dict[str, str]) -> list[str]:
    """The deciders that this context owns, then its policies. Who owns one of two homes: the leftmost."""
    owner: dict[str, str] = {}
    for command, _ in steps:
        owner.setdefault(deciders[command.name], board.context(command.column))
    parts = [_decider_text(board, name, context, deciders) for name, home in owner.items() if home == context]
    for command, _ in steps:
        if board.context(command.column) == context:
            parts += [_policy(policy, command, context) for policy in board.of("policy", command.column)]
    return parts


def _decider_text(board: Board, name: str, context: str, deciders: dict[str, str]) -> str:
    decided = ", ".join(command for command, by in deciders.items() if by == name)
    outside = any(_variable(note.name) == name for note in board.of("system"))
    says = f"Outside: call it here, for {decided}." if outside else f"Decides on {decided}."
    return DECIDER.format(name=name, says=says, source=repr(context or "somewhere"), stream=name,
                          indent=" " * len(f"{name} = CommandHandler("))


def _policy(policy: Sticky, command: Sticky, context: str) -> str:
    pattern = Event(type=policy.name, data={}).routing_key
    return POLICY.format(pattern=repr(pattern), name=repr(f"{context or 'somewhere'}: {command.name}"),
                         function=f"when_{_variable(policy.name)}_{_variable(command.name)}", event=policy.name,
                         command=command.name)


def _views(board: Board) -> list[str]:
    fed: dict[str, list[str]] = {}
    for view in board.of("read model"):
        fed.setdefault(_variable(view.name), []).extend(event.name for event in board.of("event", view.column))
    parts = [f"\n# {'-' * 70} read models\n"] if fed else []
    return parts + [VIEW.format(variable=name, name=repr(f"view {name}"), events=tuple(dict.fromkeys(events)))
                    for name, events in fed.items()]


def _first(board: Board, steps: list) -> str:
    for command, _ in steps:
        if board.of("person", command.column):
            return f'    give({command.name!r}, "order-1042")\n'
    return "    print('no person gives a command')\n"


def _variable(name: str) -> str:
    """A name in small letters with underscores, which hides no name of the module's own."""
    words = Event(type=name_of(name), data={}).routing_key.replace(".", "_")
    return words if words not in _TAKEN else f"{words}_"


_TAKEN = frozenset([*keyword.kwlist, *map(str.lower, keyword.kwlist), "bus", "store", "give", "happened", "event",
                    "command", "print", "type", "list", "state", "str"])
