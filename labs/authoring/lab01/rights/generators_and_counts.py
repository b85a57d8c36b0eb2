# Another right way: a generator of failures, a number for the present subscribers, an iterator of waits, a dataclass.

# answer: lab01.q1
from collections import namedtuple

Failure = namedtuple("Failure", "name error")


def _failures(event, subscribers):
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as e:
            yield Failure(name, e)


def deliver_all(event, subscribers):
    return list(_failures(event, subscribers))


# answer: lab01.q2
from collections import deque


class Bus:
    def __init__(self):
        self.subscribers = []
        self.waiting = deque()
        self.delivering = False
        self.failures = []

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append((event, len(self.subscribers)))
        if self.delivering:
            return
        self.delivering = True
        while self.waiting:
            event, many = self.waiting.popleft()
            self.failures.extend(deliver_all(event, self.subscribers[:many]))
        self.delivering = False


# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    waits = iter([first * 2**i for i in range(attempts - 1)])

    def once():
        try:
            handler(event)
        except Exception as error:
            wait = next(waits, None)
            if wait is None:
                give_up(event, error)
            else:
                env.after(wait, once)
    once()


# answer: lab01.q4
from dataclasses import dataclass, field
from functools import partial


@dataclass
class Bus:
    env: object
    attempts: int = 3
    first: float = 0.5
    dead_letters: list = field(default_factory=list)
    _h: dict = field(default_factory=dict)

    def subscribe(self, name, handler):
        self._h[name] = handler

    def publish(self, event):
        for name in [*self._h]:
            self._go(name, event, self.attempts, self.first)

    def _go(self, name, event, left, wait):
        try:
            self._h[name](event)
        except Exception as e:
            if left > 1:
                self.env.after(wait, partial(self._go, name, event, left - 1, 2 * wait))
            else:
                self.dead_letters += [(event, name, e)]

    def redrive(self):
        old = list(self.dead_letters)
        for letter in old:
            self.dead_letters.remove(letter)
            self._go(letter[1], letter[0], self.attempts, self.first)
