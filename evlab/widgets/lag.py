"""The playground of notebook 13: a group that falls behind, and what helps.

Each change lets five seconds pass, each wait ten or thirty. The plot, the table and the steps of a rebalance are what
the log says (lag_shop.py).
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from evlab.viz import lag_plot
from evlab.viz.lag import finding
from evlab.widgets.base import Playground
from evlab.widgets.lag_shop import GROUP, MOST, PARTITIONS, STATES, Shop, in_words
from evlab.widgets.view import Button, Note, Select, Slider, Table

__all__ = ["Lag"]

STEP = 5
"""Virtual seconds that pass after each change."""
SHOWN, EVENTS, STEPS = 120, 6, 8
"""Seconds that the plot shows, and how many events and steps of a rebalance are named."""


class Lag(Playground):
    """Orders for four partitions, and a group of up to eight consumers."""

    name: ClassVar[str] = "lag"
    title: ClassVar[str] = "A group that falls behind"
    lead: ClassVar[str] = "Wait 30 s. Then raise the orders above what the consumers can do, and look who is behind."

    def start(self, seed: int) -> None:
        self.shop = Shop(seed)
        self.events: list[tuple] = []
        self.since = 0
        """How many steps of the group the learner has seen before this click."""
        self.said = ""

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        shop, wait = self.shop, STEP
        self.since = len(shop.log.rebalances(GROUP))
        verb, _, whom = name.partition("-")
        if verb == "wait":
            wait = int(whom)
            self.said = f"{wait} s have passed."
        elif verb == "state":
            shop.set_state(whom, value)
            self._happened(f"{whom} {STATES[value].split(',')[0]}", value == "killed")
        elif verb == "add":
            self._happened(f"{shop.add()} added")
        elif verb == "leave":
            self._happened(f"{shop.let_go()} leaves")
        else:
            setattr(shop, verb, value)
            self._happened({"rate": f"λ = {value}", "speed": f"μ = {value} each",
                            "skew": f"{value} % on one key"}[verb])
        shop.world.run(until=shop.world.now() + wait)

    def _happened(self, what: str, crash: bool = False) -> None:
        self.events.append((self.shop.world.now(), what, *(["crash"] if crash else [])))
        self.said = f"{what}. {STEP} s have passed."

    # -------------------------------------------------------------------------------------------- what is shown

    def render(self) -> dict:
        return {"controls": self._controls_now(), "said": self.said, "pictures": [self._picture()],
                "texts": self._notes(), "table": self._table()}

    def _picture(self):
        frame, now = self.frame(), self.shop.world.now()
        frame = frame[frame["time"] > now - SHOWN]
        recent = [event for event in self.events if event[0] >= frame["time"].min()]
        return lag_plot(frame, title=finding(frame), events=recent[-EVENTS:])

    def _table(self) -> Table:
        arrivals = self.shop.arrivals()
        rows = [[row.partition, row.member or "nobody", "-" if row.committed is None else row.committed, row.end,
                 "-" if row.lag is None else row.lag,
                 "?" if row.time_lag != row.time_lag else f"{row.time_lag:.1f} s",
                 f"{arrivals.get(row.partition, 0):.1f}"] for row in self.shop.log.lag(GROUP)]
        return Table(["partition", "owner", "committed", "end", "lag", "time lag", "orders a second"], rows,
                     f"The group at {self.shop.world.now():,.0f} s")

    def _notes(self) -> list[Note]:
        shop = self.shop
        lag = sum(row.lag or 0 for row in shop.log.lag(GROUP))
        able = sum(shop.does(name) for name in shop.running)
        whole, longest = shop.drain()
        notes = [Note(f"λ = {shop.rate} a second, μ = {able:g} in all. {lag} records behind: by the sums gone in "
                      f"{in_words(whole)}, by the consumer that needs longest {in_words(longest)}.".replace(
                          "in never", "never"), "bad" if longest > 60 else "wait" if lag else "good")]
        idle = self._idle()
        if idle:
            notes.append(Note(f"No partition left for {', '.join(idle)}: {PARTITIONS} partitions, one owner each.",
                              "bad"))
        steps = shop.log.rebalances(GROUP)[self.since:]
        notes += [Note(self._told(step)) for step in steps[-STEPS:]]
        if len(steps) > STEPS:
            notes.append(Note(f"{len(steps) - STEPS} steps before these are not shown."))
        return notes

    def _idle(self) -> list[str]:
        members = self.shop.log.group(GROUP).members
        return [name for name, member in members.items() if not member.partitions]

    def _told(self, step) -> str:
        share = ", ".join(str(number) for _, number in step.partitions) or "nothing"
        told = {"assigned": f"{step.member} gets {share}", "rebalancing": "a rebalance begins",
                "expired": f"{step.member} was silent too long and is out"}.get(
                    step.what, f"{step.member} has {step.what}")
        return f"{step.time:.1f} s: {told}"

    def _controls_now(self) -> list:
        shop, controls = self.shop, []
        controls += [
            Slider("rate", "orders, λ", group="Orders", low=0, high=60, step=2, value=shop.rate, unit="a second",
                   help="How many orders come in."),
            Slider("skew", "on one key", group="Orders", low=0, high=80, step=10, value=shop.skew, unit="%",
                   help="How many of a hundred orders have the same key, and so the same partition."),
            Slider("speed", "a consumer does, μ", group="Consumers", low=5, high=40, step=5, value=shop.speed,
                   unit="a second", help="How many receipts one consumer sends, if it is not slow.")]
        for name in shop.running:
            controls.append(Select(f"state-{name}", name, group="Consumers", options=STATES,
                                   value=shop.crew[name].state, help=f"How {name} behaves from now on."))
        alive = [name for name in shop.running if shop.crew[name].state != "killed"]
        controls += [
            Button("add", "Add a consumer", group="Consumers", help="A new consumer joins the group.",
                   blocked="" if len(shop.crew) < MOST else f"There have been {MOST}; that is the most here."),
            Button("leave", "Let one go", group="Consumers", help="The newest consumer leaves in good order.",
                   blocked="" if len(alive) > 1 else "It is the last one."),
            Button("wait-10", "Wait 10 s", group="Time", help="Let ten seconds of virtual time pass."),
            Button("wait-30", "Wait 30 s", group="Time", look="main", help="Let thirty seconds of virtual time pass.")]
        return controls

    def frame(self):
        """What was seen so far as a pandas DataFrame: time (s) and the columns of `log.lag_frame`."""
        return self.shop.frame()

    def digest(self) -> str:
        shop = self.shop
        crew = sorted((name, repr(member)) for name, member in shop.crew.items())
        settings = shop.rate, shop.skew, shop.speed, crew
        return hashlib.sha256(f"{settings}\n{shop.world.history.digest()}".encode()).hexdigest()
