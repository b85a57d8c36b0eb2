# The queue belongs to the class, so one bus delivers what waits at another.
# expect: lab01.q2 fails, hint=ONE_FOR_ALL

# answer: lab01.q2
from collections import deque


class Bus:
    waiting = deque()

    def __init__(self):
        self.subscribers = []
        self.failures = []
        self.delivering = False

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append((event, list(self.subscribers)))
        if self.delivering:
            return
        self.delivering = True
        while self.waiting:
            event, subs = self.waiting.popleft()
            self.failures.extend(deliver_all(event, subs))
        self.delivering = False
