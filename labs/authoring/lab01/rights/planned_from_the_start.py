# Another right way: recursion over the list, a queue of deliveries, and first attempts that are planned as well.

# answer: lab01.q1
def deliver_all(event, subscribers):
    if not subscribers:
        return []
    (name, handler), *rest = subscribers
    mine = []
    try:
        handler(event)
    except Exception as error:
        mine.append((name, error))
    return mine + deliver_all(event, rest)


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
        for s in self.subscribers:
            self.waiting.append((event, s))
        if self.delivering:
            return
        self.delivering = True
        try:
            while self.waiting:
                event, s = self.waiting.popleft()
                self.failures.extend(deliver_all(event, [s]))
        finally:
            self.delivering = False


# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    # the first attempt is planned, too

    def attempt(n):
        try:
            handler(event)
        except Exception as error:
            if n + 1 < attempts:
                env.after(first * 2 ** n, lambda: attempt(n + 1))
            else:
                give_up(event, error)
    env.after(0, lambda: attempt(0))


# answer: lab01.q4
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.attempts, self.first = env, attempts, first
        self.handlers = {}
        self.dead_letters = []

    def subscribe(self, name, handler):
        self.handlers[name] = handler

    def publish(self, event):
        for name in self.handlers:
            self._later(0, event, name, 1)

    def _later(self, wait, event, name, n):
        self.env.after(wait, lambda: self._attempt(event, name, n))

    def _attempt(self, event, name, n):
        try:
            self.handlers[name](event)
        except Exception as e:
            if n >= self.attempts:
                self.dead_letters.append((event, name, e))
            else:
                self._later(self.first * 2 ** (n - 1), event, name, n + 1)

    def redrive(self):
        while self.dead_letters:
            event, name, _ = self.dead_letters.pop()
            self._later(0, event, name, 1)
