# The failures belong to the class, so every bus has those of all.
# expect: lab01.q2 fails, hint=ONE_FOR_ALL

# answer: lab01.q2
from collections import deque


class Bus:
    failures = []

    def __init__(self):
        self.subscribers = []
        self.waiting = deque()
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
