"""Faults: what goes wrong, where, and which time round.

A fault is named by its site and the site's own counter: "the 3rd message shop→email", "the 2nd pass of email@handled".
Whether it strikes is a function of (seed, site, counter) and of nothing else. Take one fault away and every other
keeps its meaning; that is what lets a failing run be shrunk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from numbers import Real
from typing import NamedTuple

from evlab.env import LONGEST
from evlab.errors import InvalidUse

__all__ = ["Fault", "Faults", "Plan", "unit"]

MESSAGE_KINDS = ("drop", "duplicate", "delay")
INSTANT_KINDS = ("cut", "pause", "crash", "kill")
POINT_KINDS = ("crash", "kill")


class Fault(NamedTuple):
    """One thing that goes wrong."""

    kind: str
    """drop, duplicate, delay (of a message); crash (power loss), kill (the process only); cut, pause."""
    site: str
    """A link `shop→email`, a point `email@handled`, or for an instant the node or link it strikes."""
    n: int = 1
    """The site's own counter, from 1: which message, which pass."""
    seconds: float = 0.0
    """How late a message is, how long a node is down or paused, how long a link is cut."""
    at: float | None = None
    """For a fault that strikes at an instant: when, in virtual seconds."""

    def __str__(self) -> str:
        if self.at is not None:
            return f"{self.kind} {self.site} at {self.at:.3f} s for {self.seconds:.3f} s"
        if self.kind in MESSAGE_KINDS:
            late = f" by {self.seconds:.3f} s" if self.kind == "delay" else ""
            return f"{self.kind} message {self.n} of {self.site}{late}"
        node, _, point = self.site.partition("@")
        return f"{self.kind} {node} at point {point!r}, pass {self.n}, down for {self.seconds:.3f} s"


def unit(*key) -> float:
    """A number in [0, 1) that depends on `key` alone: the same in every process and on every machine."""
    digest = blake2b("|".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True)
class Faults:
    """Faults drawn at random from the world's seed, at these rates.

    drop, duplicate, delay: probability that a message between two nodes suffers it. crash, kill: probability at each
    pass of a point. cuts, pauses, crashes: how many strike at random instants in the first `span` seconds. `down`:
    seconds from a crash to the restart, `late`: the longest delay, `long`: the longest cut or pause, in seconds.
    Raises `InvalidUse` for a rate outside [0, 1], a count that is not a whole number, or a negative or endless time.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    crash: float = 0.0
    kill: float = 0.0
    cuts: int = 0
    pauses: int = 0
    crashes: int = 0
    span: float = 10.0
    down: float = 1.0
    late: float = 2.0
    long: float = 3.0

    def __post_init__(self):
        for name in ("drop", "duplicate", "delay", "crash", "kill"):
            if not _within(getattr(self, name), 1.0):
                raise InvalidUse(f"{name}={getattr(self, name)!r} is not a probability",
                                 next_step="give a number from 0 to 1, such as 0.1 for one message in ten")
        for name in ("cuts", "pauses", "crashes"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 0:
                raise InvalidUse(f"{name}={getattr(self, name)!r} is not a number of times",
                                 next_step="give a whole number of 0 or more")
        for name in ("span", "down", "late", "long"):
            if not _within(getattr(self, name), LONGEST):
                raise InvalidUse(f"{name}={getattr(self, name)!r} is no length of time",
                                 next_step="give a number of seconds of 0 or more")
        if self.drop + self.duplicate + self.delay > 1 or self.crash + self.kill > 1:
            raise InvalidUse("the rates of one site add up to more than 1",
                             why="a message suffers one fault at most, and so does a pass of a point",
                             next_step="lower drop, duplicate and delay, or crash and kill")

    def message(self, seed, site: str, n: int) -> Fault | None:
        """What befalls the n-th message of a link; None: nothing."""
        if not (self.drop or self.duplicate or self.delay):
            return None
        draw = unit(seed, "message", site, n)
        for kind in MESSAGE_KINDS:
            rate = getattr(self, kind)
            if draw < rate:
                seconds = 0.0 if kind == "drop" else round(self.late * unit(seed, "late", site, n), 3)
                return Fault(kind, site, n, seconds)
            draw -= rate
        return None

    def point(self, seed, site: str, n: int) -> Fault | None:
        """What befalls the n-th pass of a point; None: nothing."""
        if not (self.crash or self.kill):
            return None
        draw = unit(seed, "point", site, n)
        if draw < self.crash:
            return Fault("crash", site, n, self.down)
        return Fault("kill", site, n, self.down) if draw < self.crash + self.kill else None

    def instants(self, seed, nodes: list[str]) -> list[Fault]:
        """The faults that strike at an instant, for these nodes."""
        found = []
        for kind, count in (("cut", self.cuts), ("pause", self.pauses), ("crash", self.crashes)):
            for n in range(1, count + 1 if nodes else 1):
                def draw(what, kind=kind, n=n):
                    return unit(seed, kind, what, n)
                site = nodes[int(draw("node") * len(nodes))]
                if kind == "cut":
                    others = [node for node in nodes if node != site]
                    if not others:
                        continue
                    site = f"{site}→{others[int(draw('other') * len(others))]}"
                seconds = self.down if kind == "crash" else round(self.long * draw("long"), 3)
                found.append(Fault(kind, site, n, seconds, at=round(self.span * draw("at"), 3)))
        return found


class Plan:
    """Exactly these faults and no others: what a replay is run with, and what shrinking makes smaller."""

    def __init__(self, faults: Iterable[Fault] = ()):
        self.faults = tuple(faults)
        for fault in self.faults:
            _check_fault(fault)
        self._at_site = {(f.site, f.n, f.kind in MESSAGE_KINDS): f for f in self.faults if f.at is None}

    def message(self, seed, site: str, n: int) -> Fault | None:
        return self._at_site.get((site, n, True))

    def point(self, seed, site: str, n: int) -> Fault | None:
        return self._at_site.get((site, n, False))

    def instants(self, seed, nodes: list[str]) -> list[Fault]:
        return [fault for fault in self.faults if fault.at is not None]

    def __len__(self) -> int:
        return len(self.faults)

    def __repr__(self) -> str:
        return f"Plan([{', '.join(map(str, self.faults))}])"


def _within(number, most: float) -> bool:
    return isinstance(number, Real) and 0 <= number <= most


def _check_fault(fault: Fault) -> None:
    """Raise `InvalidUse` for a fault that could never strike, or not as it is meant."""
    if not isinstance(fault, Fault):
        raise InvalidUse(f"{fault!r} is not a Fault", next_step="write Fault('drop', 'shop→email', 1)")
    if not (isinstance(fault.kind, str) and isinstance(fault.site, str)):
        reason = "its kind and its site are strings"
    elif fault.at is not None and fault.kind not in INSTANT_KINDS:
        reason = f"what strikes at an instant is one of {', '.join(INSTANT_KINDS)}"
    elif fault.at is None and fault.kind not in (*MESSAGE_KINDS, *POINT_KINDS):
        reason = f"without at= it is one of {', '.join((*MESSAGE_KINDS, *POINT_KINDS))}"
    elif fault.kind in (*MESSAGE_KINDS, "cut") and "→" not in fault.site:
        reason = "messages and cuts are of a link, such as 'shop→email'"
    elif fault.kind in POINT_KINDS and fault.at is None and "@" not in fault.site:
        reason = "its site is a point such as 'email@handled'; for an instant give at="
    elif fault.kind in ("pause", *POINT_KINDS) and fault.at is not None and ("@" in fault.site or "→" in fault.site):
        reason = "what strikes at an instant strikes a node, such as 'email'"
    elif not (type(fault.n) is int and fault.n >= 1):
        reason = "n counts from 1"
    elif not (_within(fault.seconds, LONGEST) and (fault.at is None or _within(fault.at, LONGEST))):
        reason = f"seconds and at are times from 0 to {LONGEST:,.0f} s"
    else:
        return
    raise InvalidUse(f"{fault!r:.200} can never strike", why=reason, next_step="look at the fields of Fault")
