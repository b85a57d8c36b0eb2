"""Exports the deck to Anki. The ids never change, so importing a newer export updates the cards and keeps their
schedule."""

from __future__ import annotations

import hashlib
import io
import os
import pathlib
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from evlab.course.drills.cards import Card, Deck
from evlab.course.drills.grading import cloze_parts
from evlab.course.drills.numeric import review_seed
from evlab.course.drills.session import Shown, present
from evlab.course.workspace import write_atomically
from evlab.errors import EvlabError

__all__ = ["AnkiError", "write_anki"]

MODEL = 1_607_392_811
"""Anki knows the form of our notes by this number. Another number would make a second form and lose the schedule."""
FIELDS = ("Front", "Back", "Card")
CSS = """.card { font: 17px/1.5 'Segoe UI', Roboto, Arial, sans-serif; max-width: 720px; margin: 1em auto;
  text-align: left; }
pre { white-space: pre-wrap; padding: .7em; border: 1px solid #8886; border-radius: 6px; font-size: 85%; }
code { font-size: 92%; } .about { color: #6b7684; font-size: 80%; } li { margin: .3em 0; }"""


class AnkiError(EvlabError):
    """The export cannot be written. `path` is where it should go."""


def write_anki(deck: Deck, path: str | os.PathLike, cards: Iterable[Card] | None = None) -> int:
    """Write `cards` (all, by default) as an Anki package and return their number. The file is whole or not there.

    A note's guid comes from the card's permanent id. A numeric card goes out with one fixed set of numbers. All text
    is escaped. Raises `AnkiError` if the file cannot be written.
    """
    import genanki

    path = pathlib.Path(path)
    model = genanki.Model(
        MODEL, "evlab drill", [{"name": name} for name in FIELDS], css=CSS,
        templates=[{"name": "Card", "qfmt": "{{Front}}", "afmt": "{{FrontSide}}<hr id=answer>{{Back}}"}])
    chosen = list(deck.cards if cards is None else cards)
    decks = {topic: genanki.Deck(_id(f"evlab deck {topic}"), f"evlab::{deck.titles[topic]}")
             for topic in dict.fromkeys(card.topic for card in chosen)}
    for card in chosen:
        shown = present(card, review_seed(card.id, 0))
        decks[card.topic].add_note(genanki.Note(
            model=model, fields=[_front(shown), _back(shown), escape(card.id)],
            guid=genanki.guid_for("evlab drill", card.id), tags=["evlab", card.level, f"notebook-{card.notebook}"]))
    packed = io.BytesIO()
    genanki.Package(list(decks.values())).write_to_file(packed)
    try:
        write_atomically(path, packed.getvalue())
    except OSError as error:
        raise AnkiError(f"{path} cannot be written", why=error.strerror or str(error), path=str(path),
                        next_step="name a file in a folder of yours, as in drills.apkg") from error
    return len(chosen)


def _front(shown: Shown) -> str:
    card = shown.card
    parts = [f'<p class="about">{escape(card.level)}, notebook {card.notebook}</p>', _words(shown.prompt)]
    if card.trace:
        parts.append(f"<pre>{escape(card.trace)}</pre>")
    if card.options:
        parts.append(_list("ol", [option.text for option in shown.options]))
    if card.items:
        parts += ["<p>Put in order:</p>", _list("ul", shown.items)]
    if card.text:
        parts.append(_words("".join(words + ("____" if allowed else "") for words, allowed in cloze_parts(card.text))))
    if card.numeric:
        parts.append(f"<p>In {escape(card.numeric.unit)}.</p>" if card.numeric.unit else "")
    return "".join(parts)


def _back(shown: Shown) -> str:
    card, parts = shown.card, []
    if card.options:
        parts.append("<ol>" + "".join(
            f"<li>{'<b>&#10003; Right.</b>' if option.right else '&#10007; No.'} {_inline(option.why)}</li>"
            for option in shown.options) + "</ol>")
    if card.items:
        parts.append(_list("ol", card.items))
    if card.text:
        parts.append(_words("".join(words + (f"[{allowed[0]}]" if allowed else "")
                                    for words, allowed in cloze_parts(card.text))))
    if shown.variant and card.numeric:
        parts.append(_words(f"{shown.variant.answer:,} {card.numeric.unit} (`{card.numeric.answer}`)"))
    parts.append(_words(shown.fill(card.answer)))
    if card.rubric:
        parts += ["<p>A good answer:</p>",
                  _list("ul", [f"{point.text} ({point.weight:.0%})" for point in card.rubric])]
    parts += ["<p>Watch out:</p>", _list("ul", map(shown.fill, card.pitfalls))]
    parts += ["<p>Asked next:</p>", _list("ul", map(shown.fill, card.follow_ups))]
    return "".join(parts)


def _words(text: str) -> str:
    return f"<p>{_inline(text)}</p>"


def _inline(text: str) -> str:
    """Plain text as HTML: escaped, lines kept, `backticks` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)).replace("\n", "<br>")


def _list(tag: str, texts: Iterable[Any]) -> str:
    return f"<{tag}>{''.join(f'<li>{_inline(text)}</li>' for text in texts)}</{tag}>"


def _id(name: str) -> int:
    """A number for Anki that is the same for the same name, above 2^30 as its own are."""
    return 2**30 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 2**30
