"""A history drawn: one lane a node, time to the right, what went wrong in plain sight.

A short history is spaced evenly, moment by moment, with the virtual time under each; a long one is drawn to scale. The
picture says which. Its words hold every entry, one line each. story.py reads the history, lanes.py lays it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from evlab.errors import InvalidUse
from evlab.sim.history import Entry, History
from evlab.viz.figure import Figure, drawable, several
from evlab.viz.lanes import GAPS, Request, lay_out
from evlab.viz.story import Story, lane_name, line_of, read, select, times
from evlab.viz.theme import ROLES, safe, sentence

__all__ = ["timeline"]

MOST_ENTRIES = 400


def timeline(history: History | Iterable[Entry], *, title: str, only: Iterable[int | str] | None = None,
             highlight: Iterable[int] = (), roles: Mapping[str, str] | None = None, behind: Iterable[str] = (),
             width: int = 900) -> Figure:
    """Draw a history.

    title: the finding, in a sentence. only: the entry numbers or node names to draw; None draws all. highlight: entry
    numbers to lay a light under. roles: node -> "producer", "consumer", "store", "view", ... (`theme.ROLES`), which
    colours its name as in other pictures; lanes stand in the order of `roles`, the others follow as they first act.
    behind: names of operations that last while their node is behind, such as ("catch up",); they are hatched, the sign
    of what is stale. width: px, from 480 to 900.
    A whole `History` shows which operations and messages never ended. A list of entries may be an excerpt: there, what
    has no end is drawn open and not called unknown; so of an excerpt give the history, and the numbers in `only`.
    At most 400 entries are drawn; the picture says how many it left out.
    Raises `InvalidUse` for anything that is not an entry, a title without words, or an unknown role.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a timeline needs a title", why="it states the finding",
                         next_step='write timeline(history, title="The ack was lost, so the card was charged twice")')
    if not isinstance(width, int | float) or not 480 <= width <= 900:
        raise InvalidUse(f"a width of {width!r} px does not fit the page", next_step="give 480 to 900")
    roles = dict(drawable("roles", roles or {}, "items"))
    for role in roles.values():
        if role not in ROLES:
            raise InvalidUse(f"{role!r} is no role", next_step=f"use one of {', '.join(ROLES)}")
    every, entries = select(history, only)
    left_out = max(0, len(entries) - MOST_ENTRIES)
    behind = tuple(several("behind", behind))
    story = read(entries[:MOST_ENTRIES], every if isinstance(history, History) else None, behind)
    order = {node: place for place, node in enumerate(roles)}
    story.lanes.sort(key=lambda node: order.get(node, len(order)))
    alt = f"{sentence(title)} {summary(story)}"
    lit = frozenset(several("highlight", highlight))
    gaps = GAPS if len(entries) <= 24 else GAPS[::2] if len(entries) <= 60 else GAPS[2:3]
    svg = lay_out(Request(story, title, alt, lit, roles, width, left_out), gaps)
    return Figure(svg, alt, in_words(story, title, lit, left_out))


def summary(story: Story) -> str:
    """What is on the timeline, in a sentence."""
    if not story.entries:
        return "The history is empty."
    unit, scale, decimals = times(story.entries)
    first, last = (f"{story.entries[i].time * scale:.{decimals}f}" for i in (0, -1))
    kinds = Counter(entry.kind for entry in story.entries)
    counts = [(kinds["drop"], "message dropped", "messages dropped"), (kinds["duplicate"], "duplicate", "duplicates"),
              (kinds["delay"], "message delayed", "messages delayed"),
              (kinds["crash"] + kinds["kill"], "crash", "crashes"),
              (kinds["fail"], "failed operation", "failed operations"),
              (sum(bar.outcome == "info" for bar in story.bars), "outcome unknown", "outcomes unknown")]
    wrong = ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n)
    names = ", ".join(lane_name(node) for node in story.lanes[:6]) + (" and others" if len(story.lanes) > 6 else "")
    amount = "1 entry" if len(story.entries) == 1 else f"{len(story.entries)} entries"
    return f"Timeline of {amount} on {names}, {first} to {last} {unit}{': ' + wrong if wrong else ''}."


def in_words(story: Story, title: str, lit: frozenset[int], left_out: int) -> str:
    """One line an entry: when, where, what, and what became of it; highlighted ones begin with >."""
    unit, scale, decimals = times(story.entries)
    rows = [line_of(entry, f"{entry.time * scale:9.{decimals}f} {unit}", entry.number in lit)
            for entry in story.entries]
    wide = [min(max((len(row[i]) for row in rows), default=0), 44) for i in range(3)]
    lines = [f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:<{wide[2]}}  {d}".rstrip() for a, b, c, d in rows]
    lines += [f"... and {left_out:,} more entries"] if left_out else []
    return "\n".join([safe(title, 300), *(lines or ["(nothing happened yet)"])])
