# Another right way: small functions, a generator of waits, dead letters as a class of their own.

# helper: lab01
from dataclasses import dataclass


@dataclass
class Letter:
    event: object
    name: str
    error: Exception


def waits(first, attempts):
    """The waits between `attempts` attempts: each twice the one before."""
    wait = first
    for _ in range(attempts - 1):
        yield wait
        wait *= 2


# answer: lab01.q1
def problem_of(event, handler):
    try:
        handler(event)
    except Exception as error:
        return error
    return None


def deliver_all(event, subscribers):
    problems = [(name, problem_of(event, handler)) for name, handler in subscribers]
    return [(name, error) for name, error in problems if error is not None]


# answer: lab01.q2
class Bus:
    def __init__(self):
        self.handlers = {}
        self.accepted = []
        self.failures = []
        self.running = False

    def subscribe(self, name, handler):
        self.handlers = {**self.handlers, name: handler}  # a new dict: those that wait keep theirs

    def publish(self, event):
        self.accepted.append((event, self.handlers))
        if not self.running:
            self.running = True
            while self.accepted:
                event, handlers = self.accepted.pop(0)
                self.failures.extend(deliver_all(event, handlers.items()))
            self.running = False


# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    left = waits(first, attempts)

    def attempt():
        try:
            handler(event)
        except Exception as error:
            wait = next(left, None)
            if wait is None:
                give_up(event, error)
            else:
                env.after(wait, attempt)

    attempt()


# answer: lab01.q4
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.attempts, self.first = env, attempts, first
        self.handlers = []
        self.dead_letters = []

    def subscribe(self, name, handler):
        self.handlers.append((name, handler))

    def publish(self, event):
        for name, handler in self.handlers[:]:
            self.try_all(event, name, handler)

    def try_all(self, event, name, handler):
        left = waits(self.first, self.attempts)

        def attempt():
            try:
                handler(event)
            except Exception as error:
                wait = next(left, None)
                if wait is None:
                    self.dead_letters.append(Letter(event, name, error))
                else:
                    self.env.after(wait, attempt)

        attempt()

    def redrive(self):
        handlers = dict(self.handlers)
        for letter in [self.dead_letters.pop(0) for _ in range(len(self.dead_letters))]:
            self.try_all(letter.event, letter.name, handlers[letter.name])
