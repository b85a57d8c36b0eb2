"""The keeper of the zoo: what its programs are made of, and how each is run.

A program sets up a world. `Animal` runs it, ends the faults, lets it drain, and asks the checkers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

from evlab.errors import Timeout
from evlab.sim import Faults, World, check

ORDERS = ("order-1", "order-2", "order-3", "order-4")

STORM = Faults(drop=0.06, duplicate=0.04, delay=0.06, crash=0.02, kill=0.02, cuts=1, pauses=1, crashes=1,
               span=3.0, down=0.5, late=1.5, long=1.5)
"""All that can go wrong, often enough to go wrong in a run of a few seconds."""


class Animal(NamedTuple):
    """One program, as a scenario."""

    name: str
    program: Callable[[World], Callable[[], None] | None]
    """Sets up the world. What it returns is called at the end, and raises if it finds something wrong."""
    expected: str | None
    """The name of the anomaly that is found first; None for a program that is right."""
    faults: Faults | None
    allow: tuple[str, ...]
    """What the program's own promise permits."""

    def __call__(self, world: World):
        at_the_end = self.program(world)
        world.run(until=10)
        world.calm()
        world.run(until=20)
        if at_the_end:
            at_the_end()
        return check(world.history, allow=self.allow)


BUGS: list[Animal] = []
RIGHT: list[Animal] = []


def bug(expected: str, faults: Faults | None = STORM, allow: tuple[str, ...] = ()):
    def keep(program):
        BUGS.append(Animal(program.__name__, program, expected, faults, allow))
        return program

    return keep


def right(*allow: str):
    def keep(program):
        RIGHT.append(Animal(program.__name__, program, None, STORM, allow))
        return program

    return keep


class Book:
    """A file of lines, each with its checksum. Opening it cuts a torn tail; `add` returns when the line is durable."""

    def __init__(self, world: World, node: str, name: str = "book"):
        self._file = world.files(node).open(name)
        data, end, self.lines = self._file.read(), 0, []
        for line in data.splitlines(keepends=True):
            checksum, _, text = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
                break
            self.lines.append(text.decode())
            end += len(line)
        if end < len(data):
            self._file.truncate(end)
            self._file.sync()

    def add(self, text: str, *, sync: bool = True) -> None:
        self._file.append(b"%08x %s\n" % (zlib.crc32(text.encode()), text.encode()))
        if sync:
            self._file.sync()
        self.lines.append(text)


def until_acked(world, node, message, port="", timeout=0.4):
    """Ask again and again. What `yield from` it gives is the answer."""
    while True:
        try:
            return (yield world.ask(node, message, port, timeout=timeout))
        except Timeout:
            pass


def patient_shop(world, orders=ORDERS, target="email"):
    """Sends each order until it is acked."""
    for order in orders:
        op = world.history.invoke("send", order)
        yield from until_acked(world, target, order)
        op.ok()
        yield 0.2


def receive(world, order, node=None):
    world.history.did("receive", order, node=node)


def receive_once(world, order, node="email"):
    """Effect once: the mark is durable, and nothing can come between the mark and the effect."""
    seen = Book(world, node, "seen")
    if order not in seen.lines:
        seen.add(order)
        receive(world, order, node)
