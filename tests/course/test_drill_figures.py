"""A figure in a card's answer comes from somewhere: its prompt, its proof, or what its notebook printed and wrote.

A notebook that is changed and saved again may count something else; then the cards that quote it must follow.
"""

from __future__ import annotations

import json
import re

import pytest

from evlab.course.data import course_folder
from evlab.course.drills import load_deck

COURSE = course_folder()
DECK = load_deck(COURSE / "data" / "drills")
FIGURE = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
DERIVED = {
    "bus-with-no-disk": {"14"},  # a notebook's number
    "decoupled-from-what": {"1.2"},  # its proof: more than 1.1 and less than 1.3
    "died-after-the-commit": {"201"},
    "green-with-fsync-off": {"34"},  # 200 less 166
    "hours-by-arrival": {"58"},  # a time of day
    "retention-over-the-weekend": {"36"},  # 60 hours less 24
    "room-is-not-linear": {"5400"},  # 60 times 90
    "the-second-refund": {"84.00"},  # twice 42.00
    "the-slowest-reader-decides": {"13.6"},  # 68 times 0.2
    "third-death-of-a-message": {"3.10"},  # a version
    "which-event-needs-an-inbox": {"84"},  # twice 42
    "wrong-for-a-year": {"20000"},  # a rate that is assumed
}
"""By card: figures that follow from the prompt in a step that a reader can do."""


def book_of(number: str) -> str:
    """All that this notebook says, and what it printed; of 23 also what was measured on real servers."""
    [path] = (COURSE / "notebooks").glob(f"{number}_*.ipynb")
    said = [] if number != "23" else [path.read_text() for path in (COURSE / "data").glob("engines.json")]
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        said.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            said.append("".join(output.get("text") or output.get("data", {}).get("text/plain") or ""))
    return "\n".join(said)


def strays(card, book: str) -> list[str]:
    """The figures of two digits or more in the card's answer that stand nowhere else."""
    own = [card.prompt, str(card.proof), card.trace or "", str(card.numeric), *(option.why for option in card.options)]
    known = "\n".join([*own, book]).replace(",", "").replace("_", "")
    found = []
    for figure in FIGURE.findall(card.answer):
        plain = figure.rstrip(",").replace(",", "")
        there = re.search(rf"(?<![\d.]){re.escape(plain)}(?!\d|\.\d)", known)
        if len(plain) > 1 and not there and plain not in DERIVED.get(card.id, ()):
            found.append(plain)
    return found


@pytest.mark.parametrize("number", sorted({card.notebook for card in DECK.cards}))
def test_figures_of_an_answer_stand_in_its_prompt_its_proof_or_its_notebook(number):
    book = book_of(number)
    found = {card.id: strays(card, book) for card in DECK.cards if card.notebook == number}
    assert not {id: figures for id, figures in found.items() if figures}


def test_a_figure_that_the_notebook_no_longer_has_is_found():
    card = DECK.card("autoscaler-flaps")
    stale = book_of("13").replace("21.8", "25.2")
    assert strays(card, stale) == ["21.8"]
