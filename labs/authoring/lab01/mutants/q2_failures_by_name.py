# Keeps one failure a name.
# expect: lab01.q2 fails, hint=FAILURES_NOT_KEPT

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
        self.waiting.append((event, list(self.subscribers)))
        if self.delivering:
            return
        self.delivering = True
        while self.waiting:
            e, subs = self.waiting.popleft()
            self.failures = list(dict(self.failures + deliver_all(e, subs)).items())
        self.delivering = False
