# Keeps a list of reports, where a list of failures was asked for.
# expect: lab01.q2 fails, hint=FAILURES_NOT_KEPT

# answer: lab01.q2
from collections import deque


class Bus:
    def __init__(self):
        self.subscribers, self.waiting, self.delivering, self.failures = [], deque(), False, []

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append((event, list(self.subscribers)))
        if self.delivering:
            return
        self.delivering = True
        while self.waiting:
            event, present = self.waiting.popleft()
            self.failures.append(deliver_all(event, present))
        self.delivering = False
