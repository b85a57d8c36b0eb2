# Another right way: says explicitly what passes through, loops in place of recursion, letters as dictionaries.

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for subscriber in subscribers:
        name, handler = subscriber
        try:
            handler(event)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            failures.append([name, error])
    return failures


# answer: lab01.q2
import itertools


class Bus:
    def __init__(self):
        self.subscribers, self.queue, self.failures, self.depth = [], [], [], 0

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.queue += [(event, name, handler) for name, handler in self.subscribers]
        self.depth += 1
        try:
            if self.depth == 1:
                for place in itertools.count():
                    if place == len(self.queue):
                        break
                    waiting, name, handler = self.queue[place]
                    self.failures += deliver_all(waiting, [(name, handler)])
                self.queue.clear()
        finally:
            self.depth -= 1


# answer: lab01.q3
import functools


def deliver(event, handler, env, give_up, attempts=4, first=0.5, number=1, wait=None):
    wait = first if wait is None else wait
    try:
        handler(event)
        return
    except Exception as error:
        problem = error
    if number < attempts:
        again = functools.partial(deliver, event, handler, env, give_up, attempts, first, number + 1, 2 * wait)
        env.after(wait, again)
    else:
        give_up(event, problem)


# answer: lab01.q4
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.policy = env, [first * 2 ** n for n in range(attempts - 1)]
        self.handlers, self.dead_letters = {}, []

    def subscribe(self, name, handler):
        self.handlers[name] = handler

    def publish(self, event):
        for name in tuple(self.handlers):
            self.attempt(event, name, list(self.policy))

    def attempt(self, event, name, waits):
        problem = None
        try:
            self.handlers[name](event)
        except Exception as error:
            problem = error
        if problem is None:
            return
        if waits:
            self.env.after(waits[0], lambda: self.attempt(event, name, waits[1:]))
        else:
            self.dead_letters.append({"event": event, "name": name, "error": problem, "at": self.env.now()})

    def redrive(self):
        letters = list(self.dead_letters)
        del self.dead_letters[:]
        for letter in letters:
            self.attempt(letter["event"], letter["name"], list(self.policy))
