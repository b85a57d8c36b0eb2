"""The written account of an incident, a post-mortem: a form that asks for what is forgotten when memory writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from evlab.course.incident_plan import at
from evlab.errors import InvalidUse
from evlab.viz.theme import safe
from evlab.widgets.card import card, paragraph, table

__all__ = ["ASKS", "Action", "PostMortem"]

ASKS = {
    "Summary": "What happened, in two sentences, for somebody who was not there?",
    "Impact": "Whom did it hurt, how much, and in money? What was not hurt?",
    "Timeline": "What was to be seen, when, and where? Times in UTC, from logs and not from memory.",
    "Root causes": "Which property of the system let it happen? A name of a person is no cause.",
    "Why it lasted": "What kept us from seeing or ending it earlier?",
    "What went well": "What held, and should be kept?",
    "Where we were lucky": "What would have made it worse, and was not prevented by anything?",
    "Actions": "What is changed, by whom, until when, and which test says that it is done?",
}
"""Each section with the question that it answers."""


class Action(NamedTuple):
    """One change of the system. Nobody's "being more careful" has a test."""

    what: str
    does: str
    """"stops the harm", "finds it earlier" or "prevents it"."""
    owner: str
    until: str
    test: str
    """What is run to see that it is done, and what it says."""


class PostMortem:
    """A filled form. In JupyterLab a page; `str()` is Markdown, to be pasted where your team keeps such pages.

    began, noticed, closed: the three times, as "14:05", in UTC. impact: what was hurt → how much. timeline: (time,
    what, where it is to be seen), sorted by time here. The other sections: sentences.
    Raises `InvalidUse` for a section without an answer, and for an action without an owner, a date or a test.
    """

    def __init__(self, title: str, *, began: str, noticed: str, closed: str, summary: str, impact: Mapping[str, str],
                 timeline: Iterable[tuple[str, str, str]], causes: Iterable[str], lasted: Iterable[str],
                 well: Iterable[str], luck: Iterable[str], actions: Iterable[Action]):
        self.title, self.times = title, (began, noticed, closed)
        self.sections: dict[str, Any] = dict(zip(ASKS, (
            summary, dict(impact), sorted(timeline, key=lambda row: at(row[0])), list(causes), list(lasted),
            list(well), list(luck), [Action(*action) for action in actions]), strict=True))
        for name, answer in self.sections.items():
            if not answer:
                raise InvalidUse(f"the section {name!r} is empty", why="readers take silence for 'nothing to say'",
                                 next_step=ASKS[name])
        for action in self.sections["Actions"]:
            empty = [field for field, value in action._asdict().items() if not str(value).strip()]
            if empty:
                raise InvalidUse(f"the action {action.what!r:.60} has no {empty[0]!r}", why="then it is a wish",
                                 next_step=ASKS["Actions"])

    @property
    def head(self) -> str:
        """When it began, was noticed and closed, and how long each took."""
        began, noticed, closed = map(at, self.times)
        return (f"Began {self.times[0]} UTC, noticed {self.times[1]} (after {(noticed - began) / 60:.0f} minutes), "
                f"closed {self.times[2]} (after {(closed - began) / 60:.0f}).")

    def _tables(self) -> dict[str, tuple[list[str], list[list[str]]]]:
        return {"Impact": (["what", "how much"], [list(row) for row in self.sections["Impact"].items()]),
                "Timeline": (["UTC", "what", "seen in"], [list(row) for row in self.sections["Timeline"]]),
                "Actions": (["action", "what for", "owner", "until", "done when"],
                            [list(action) for action in self.sections["Actions"]])}

    def __str__(self) -> str:
        tables, lines = self._tables(), [f"# {self.title}", "", self.head]
        for name, answer in self.sections.items():
            lines += ["", f"## {name}"]
            if name in tables:
                head, rows = tables[name]
                lines += ["", *(f"| {' | '.join(_cell(one) for one in row)} |"
                                for row in (head, ["---"] * len(head), *rows))]
            else:
                lines += [answer] if isinstance(answer, str) else [f"* {one}" for one in answer]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        tables = self._tables()
        parts = [paragraph(self.title, size=18, weight=700), paragraph(self.head, top=4)]
        for name, answer in self.sections.items():
            parts.append(paragraph(name, size=15, weight=600, top=14))
            if name in tables:
                parts.append(table(*tables[name]))
            else:
                parts += [paragraph(one if isinstance(answer, str) else f"• {one}", top=2)
                          for one in ([answer] if isinstance(answer, str) else answer)]
        return {"text/html": card(*parts, label="Post-mortem", width=900),
                "text/plain": "\n".join(map(safe, str(self).split("\n")))}


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|")
