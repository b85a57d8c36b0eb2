"""The playground of notebook 09: customers place an order and reload, and the list of orders is late.

Each run lets a hundred customers into a fresh `World` (late_list.py). The picture shows one of them, the table counts
all, and the last runs stand one under the other.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, ClassVar

from evlab.widgets.base import Playground
from evlab.widgets.late_list import CURES, CUSTOMERS, ON_THE_WAY, RELOADS, Run, Settings
from evlab.widgets.view import Button, Note, Select, Slider, Table

__all__ = ["Staleness"]

ROWS = 6
"""Runs that the table shows."""


class Staleness(Playground):
    """A shop whose list of orders is late, and six ways to live with it."""

    name: ClassVar[str] = "staleness"
    title: ClassVar[str] = "A list of orders that is late"
    lead: ClassVar[str] = "Let 100 customers in, and count the wrong pages. Then choose a cure, and let them in again."

    def start(self, seed: int) -> None:
        self.settings = Settings()
        self.crowd = seed
        self.last: Run | None = None
        self.rows: list[list[Any]] = []
        self.digests: list[str] = []
        """Of each run: its line of the table, and the digest of its history."""
        self.said = ""

    def act(self, name: str, value: Any) -> None:
        if name == "run":
            self.last = Run(self.crowd, self.settings)
            self.rows.append(self.last.row())
            self.digests.append(self.last.world.history.digest())
            self.said = self._outcome(self.last)
        elif name == "others":
            self.crowd += 1
            self.said = "The next runs meet a hundred other customers, and other delays."
        else:
            self.settings = self.settings._replace(**{name: value})
            self.said = f"From the next run on: {self._in_words(name)}."

    def _in_words(self, name: str) -> str:
        one = self.settings
        return {"cure": CURES[one.cure], "rate": f"{_many(one.rate, 'order')} a second",
                "mean": f"the list is {one.mean} ms behind on average",
                "spread": f"the delay spreads by {one.spread} % of its mean",
                "reload": f"each customer reloads after {one.reload} ms",
                "copies": f"{_many(one.copies, 'copy', 'copies')} of the list"}[name]

    def _outcome(self, run: Run) -> str:
        placed = len(run.pages)
        return (f"{placed} of {CUSTOMERS} orders were placed, and each customer reloaded {RELOADS} times: "
                f"{run.wrong} looked wrong, {run.slow} of {RELOADS * placed} pages were slow.")

    def render(self) -> dict:
        shown: dict[str, Any] = {"controls": self._controls_now(), "said": self.said}
        if self.last is not None:
            head = ["cure", "behind, ms", "reload after", "orders/s", "copies", "queries", "stale answers",
                    "looked wrong", "slow pages"]
            shown |= {"pictures": [self.last.picture()], "texts": self._notes(self.last),
                      "table": Table(head, self.rows[-ROWS:], f"The last runs, {CUSTOMERS} customers each")}
        return shown

    def _notes(self, run: Run) -> list[Note]:
        missing, gone, one = run.count("missing"), run.count("gone"), run.settings
        notes = [Note(f"{_many(missing, 'page')} denied a confirmed order.", "bad")] if missing else []
        notes += [Note(f"{_many(gone, 'order')} vanished after having been seen.", "bad")] if gone else []
        if run.taken_back:
            notes.append(Note(f"{_many(len(run.taken_back), 'order')} shown at once, then taken back: out of stock.",
                              "bad"))
        waiting = run.count("processing")
        notes += [Note(f"{_many(waiting, 'page')} said \u201cprocessing\u201d.", "wait")] if waiting else []
        if one.cure == "accept" and one.spread == 100 and one.copies == 1 and one.mean:
            expected = math.exp(-(one.reload / 1000 + ON_THE_WAY) / (one.mean / 1000))
            notes.append(Note(f"First reloads without the order: {run.first_stale} of {len(run.pages)}. The formula "
                              f"e^(−{one.reload + ON_THE_WAY * 1000:.0f}/{one.mean}) expects "
                              f"{expected * len(run.pages):.0f}."))
        return notes or [Note("No page looked wrong.", "good")]

    def _controls_now(self) -> list:
        one = self.settings
        return [
            Select("cure", "cure", group="The customers and their page", options=CURES, value=one.cure,
                   help="How the page lives with a list that is late."),
            Slider("reload", "she reloads after", group="The customers and their page", low=0, high=2000, step=50,
                   value=one.reload, unit="ms", help="From the shop's answer to the reload, and to the next one."),
            Slider("rate", "orders", group="The customers and their page", low=1, high=50, value=one.rate,
                   unit="a second", help="How many customers order in a second."),
            Slider("mean", "behind on average", group="The list", low=0, high=2000, step=50, value=one.mean, unit="ms",
                   help="The delay between an event and the read model, on average."),
            Slider("spread", "spread", group="The list", low=0, high=200, step=25, value=one.spread, unit="%",
                   help="The delay's standard deviation: 0 is always the same, 100 mostly short and at times long."),
            Slider("copies", "copies", group="The list", low=1, high=4, value=one.copies,
                   help="Copies of the read model, each with a delay of its own."),
            Button("run", "Let 100 customers in", group="Run", look="main",
                   help="A hundred customers order and reload, with the settings above."),
            Button("others", "Other customers", group="Run", help="The next runs meet other customers and delays.")]

    def digest(self) -> str:
        parts = [repr(self.settings), str(self.crowd), *self.digests]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _many(count: int, noun: str, nouns: str = "") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {nouns or noun + 's'}"
