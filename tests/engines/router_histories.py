"""Histories drawn from a seed, played on evlab's router and on RabbitMQ at the same time: they have to agree on each
answer, and after each call on what is ready.

Not drawn, because there RabbitMQ itself has no one answer, or a rougher one than the router: dead letters of two queues
that meet in a third (they race), a full quorum queue that refuses (it takes one more, and then none until it is at
about 80 %), times to live (in queues with priorities only a new head is looked at).
"""

from __future__ import annotations

import os
import random
import time

from evlab.errors import EvlabError
from evlab.router import Confirm, Delivery, Router

__all__ = ["Disagreement", "play"]

KEYS = ["", "a", "b", "a.b", "a.c", "b.a", "a.b.c", ".a", "a."]
PATTERNS = ["#", "*", "a.*", "a.#", "*.b", "#.c", "a.b", "", "*.*", "#.#", "a.*.#", "*.#.c", "#.a.#"]
HEADERS = [None, {}, {"k": 1}, {"k": "1"}, {"k": b"1"}, {"k": True}, {"k": 1, "m": "x"}, {"x-k": 1}, {"k": None},
           {"k": [1, 2]}, {"k": [True, 2]}, {"k": {"a": 1}}, {"k": 2**40}]
WANTS = [{}, {"x-match": "any"}, {"x-match": "all", "k": 1}, {"x-match": "any", "k": 1, "m": "x"}, {"k": None},
         {"x-match": "any-with-x", "x-k": 1}, {"x-match": "all-with-x", "x-k": 1, "k": 1}, {"x-match": "any", "k": "1"},
         {"k": True}, {"k": [1, 2]}, {"k": {"a": 1}}, {"k": 2**40}, {"x-match": "any", "x-k": 1}]
TYPES = ["direct", "fanout", "topic", "headers"]


class Disagreement(AssertionError):
    """What was called, and both answers."""


class Side:
    """One of the two: it answers each call with something that can be compared."""

    def __init__(self, router):
        self.router, self.channels, self.held = router, {}, {}

    def answer(self, verb, *arguments, **settings):
        call = getattr(self, verb, None) or getattr(self.router, verb)
        try:
            return _plain(call(*arguments, **settings))
        except EvlabError as error:
            return type(error).__name__, getattr(error, "code", None)

    def publish(self, *arguments, **settings):
        return self.router.publish(*arguments, **settings).value

    def get(self, channel, queue, number, auto_ack):
        if channel not in self.channels:
            self.channels[channel] = self.router.channel()
        one = self.channels[channel].get(queue, auto_ack)
        if one is not None and not auto_ack:
            self.held[number] = one
        return one

    def settle(self, number, how, *more):
        getattr(self.held[number], how)(*more)
        self.router.flush()

    def close_channel(self, channel):
        if channel in self.channels:
            self.channels.pop(channel).close()

    def ready(self, queue):
        return self.router.depth(queue).ready


def _plain(answer):
    if isinstance(answer, Confirm):
        return "confirmed", answer.returned is None
    if not isinstance(answer, Delivery):
        return answer
    headers = dict(answer.headers)
    if "x-death" in headers:
        headers["x-death"] = [{name: one for name, one in death.items() if name != "time"}
                              for death in headers["x-death"]]
    return answer.body, answer.key, answer.exchange, answer.priority, answer.redelivered, answer.tag, headers


class Play:
    """One history. `steps` are the calls so far."""

    def __init__(self, seed: int, engine):
        self.chance, self.steps, self.seed = random.Random(seed), [], seed
        self.sides = Side(Router()), Side(engine)
        name = f"evlab-{os.getpid()}-{seed}"
        self.queues, self.exchanges = [f"{name}-{n}" for n in range(4)], [f"{name}-{type}" for type in TYPES]
        self.settings = {queue: self.drawn_settings(number) for number, queue in enumerate(self.queues)}
        self.held: list[tuple[int, int]] = []

    def both(self, verb, *arguments, **settings):
        self.steps.append((verb, arguments, settings))
        twin, real = (side.answer(verb, *arguments, **settings) for side in self.sides)
        if twin != real:
            raise Disagreement(f"seed {self.seed}, call {len(self.steps)}: {self.steps[-1]}\n{twin}\n{real}")
        return real

    def agree(self) -> None:
        """What is ready is equal on both sides: soon, because RabbitMQ's queues are processes that work on."""
        patience = time.monotonic() + 5
        while True:
            twin, real = ([side.answer("ready", queue) for queue in self.queues] for side in self.sides)
            if twin == real:
                return
            if time.monotonic() > patience:
                raise Disagreement(f"seed {self.seed}, after call {len(self.steps)}: {self.steps[-1]}\n{twin}\n{real}")

    def drawn_settings(self, number: int) -> dict:
        """Dead letters go to the last queue, which is bound to nothing, and only one queue sends them: so nothing
        races."""
        chance, settings = self.chance, {}
        if chance.random() < 0.35:
            settings["type"] = "quorum"
            if chance.random() < 0.6:
                settings["delivery_limit"] = chance.choice([0, 1, 2, 3])
        elif chance.random() < 0.35:
            settings["max_priority"] = chance.choice([1, 2, 5])
        if number < 2 and chance.random() < 0.6:
            settings["max_length"] = chance.choice([0, 1, 2, 3])
            if settings.get("type") != "quorum" and chance.random() < 0.4:
                settings["overflow"] = "reject-publish"
        if number == 0:
            settings |= {"dead_letter_exchange": "", "dead_letter_key": self.queues[3]}
        return settings

    def go(self, steps: int) -> None:
        chance = self.chance
        for type, name in zip(TYPES, self.exchanges, strict=True):
            alternate = self.exchanges[chance.randrange(2)] if type == "topic" else None
            self.both("declare_exchange", name, type, alternate=alternate)
        for queue, settings in self.settings.items():
            self.both("declare_queue", queue, **settings)
        for _ in range(8):
            self.bind("bind")
        for number in range(steps):
            step = chance.choices([self.publish, self.get, self.settle, self.close, self.purge, self.delete, self.bind],
                                  [40, 22, 23, 3, 2, 2, 8])[0]
            step(number) if step != self.bind else step(chance.choice(["bind", "unbind"]))
            self.agree()

    def bind(self, verb):
        number = self.chance.randrange(4)
        key = self.chance.choice(PATTERNS if number == 2 else KEYS)
        self.both(verb, self.chance.choice(self.queues[:3]), self.exchanges[number], key,
                  self.chance.choice(WANTS) if number == 3 else None)

    def publish(self, number):
        chance = self.chance
        exchange = chance.choice(["", *self.exchanges])
        key = chance.choice(KEYS if exchange else self.queues)
        self.both("publish", exchange, key, b"%d" % number, headers=chance.choice(HEADERS),
                  priority=chance.choice([None, None, 0, 1, 2, 9]), mandatory=chance.random() < 0.3,
                  persistent=chance.random() < 0.9)

    def get(self, number):
        channel, auto_ack = self.chance.randrange(3), self.chance.random() < 0.15
        got = self.both("get", channel, self.chance.choice(self.queues), number, auto_ack)
        if got is not None and not auto_ack and len(got) > 2:
            self.held.append((channel, number))

    def settle(self, _):
        if not self.held:
            return
        chance = self.chance
        channel, number = chance.choice(self.held)
        how = chance.choice(["ack", "nack", "nack", "reject"])
        more = {"ack": [chance.random() < 0.25], "nack": [chance.random() < 0.6, chance.random() < 0.25],
                "reject": [chance.random() < 0.6]}[how]
        if self.both("settle", number, how, *more) is not None:
            self.close(None, channel)  # an error has closed it
        elif chance.random() < 0.9:  # else it may be settled twice
            self.held.remove((channel, number))

    def close(self, _, channel=None):
        channel = self.chance.randrange(3) if channel is None else channel
        self.both("close_channel", channel)
        self.held = [one for one in self.held if one[0] != channel]

    def purge(self, _):
        self.both("purge", self.chance.choice(self.queues))

    def delete(self, _):
        queue = self.chance.choice(self.queues)
        questions = {} if self.settings[queue].get("type") == "quorum" else {
            "if_empty": self.chance.random() < 0.5, "if_unused": self.chance.random() < 0.5}
        self.both("delete_queue", queue, **questions)
        if self.chance.random() < 0.8:
            self.both("declare_queue", queue, **self.settings[queue])


def play(seed: int, engine, steps: int = 50) -> list:
    """Play a history, and return its calls. Raises `Disagreement`. What it declares is deleted."""
    history = Play(seed, engine)
    try:
        history.go(steps)
    finally:
        for side in history.sides:
            for channel in list(side.channels):
                side.answer("close_channel", channel)
        for queue in history.queues:
            engine.delete_queue(queue)
        for exchange in history.exchanges:
            engine.delete_exchange(exchange)
    return history.steps
