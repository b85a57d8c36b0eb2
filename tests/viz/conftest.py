"""What the tests of pictures share: hostile texts, histories made at random, and the drawing behind a figure."""

from __future__ import annotations

import random

import pytest

from evlab.sim.history import History
from evlab.viz.svg import Svg

HOSTILE = [
    "<script>alert(1)</script>", "\"'>&<", "]]>", "&amp;", "order\x00\x1b[31m\x07 1", "a\nb\tc\r\nd", "\ud800 \udfff",
    "\u202eredro\u202c", "\u2066x\u2069\u200f", "שלום עולם", "السلام عليكم", "注文が作成されました",
    "e" + "\u0301" * 500,
    "👩‍👩‍👧 ordered", "\ufdfd" * 5, "\uffff\ufffe", "W" * 10_000, "word " * 2000, "", " ",
]


class Clock:
    now = 0.0


@pytest.fixture
def drawings(monkeypatch):
    """The Svg of each figure drawn in this test, in order."""
    seen = []
    render = Svg.render

    def remember(self, height):
        seen.append(self)
        return render(self, height)

    monkeypatch.setattr(Svg, "render", remember)
    return seen


@pytest.fixture
def clocked():
    """A history and the clock it reads: set `clock.now`, then record."""
    clock = Clock()
    return clock, History(lambda: clock.now)


@pytest.fixture
def random_history():
    return _random_history


def _random_history(seed: int, length: int) -> History:
    """A history with every kind of entry, made from a seed: not always a sensible one."""
    chance, clock = random.Random(seed), Clock()
    history = History(lambda: clock.now)
    nodes = chance.sample(["shop", "email", "inventory", "payment", "analytics", ""], chance.randint(1, 5))
    under_way, busy = [], []
    while len(history) < length:
        clock.now = round(clock.now + chance.choice([0, 0, 0.001, 0.02, 0.5, 3]) * chance.random(), 4)
        node, peer, what = chance.choice(nodes), chance.choice(nodes), f"OrderPlaced order-{chance.randint(1, 2000)}"
        act = chance.choice(["send", "send", "arrive", "arrive", "invoke", "end", "node", "note", "did"])
        if act == "send":
            under_way.append((history.add("send", what, node=node, peer=peer), node, peer, what))
            if chance.random() < 0.3:
                kind = chance.choice(["delay", "duplicate"])
                history.add(kind, what, 1.25, node=node, peer=peer, pair=under_way[-1][0])
        elif act == "arrive" and under_way:
            number, source, target, what = chance.choice(under_way)
            if chance.random() < 0.3:
                history.add("drop", what, "lost on the way", node=source, peer=target, pair=number)
            else:
                history.add("deliver", what, node=target, peer=source, pair=number)
        elif act == "invoke":
            busy.append(history.invoke(chance.choice(["charge", "reserve 3 mugs", "send"]), what, node=node))
        elif act == "end" and busy:
            end = busy.pop(chance.randrange(len(busy)))
            chance.choice([end.ok, end.fail, end.info])(chance.choice([None, 3, "no answer after 1 s"]))
        elif act == "node":
            kind = chance.choice(["crash", "kill", "restart", "pause", "resume", "cut", "heal", "lost"])
            history.add(kind, "at point 'handled'" if kind in ("crash", "kill") else "", 12 if kind == "lost" else None,
                        node=node, peer=peer if kind in ("cut", "heal") else None)
        elif act == "note":
            history.note("a remark of some length about the lag", node=node)
        elif act == "did":
            history.did("count", what, node=node)
    return history


@pytest.fixture(params=range(len(HOSTILE)), ids=lambda i: repr(HOSTILE[i][:12]).encode("ascii", "replace").decode())
def hostile(request):
    return HOSTILE[request.param]
