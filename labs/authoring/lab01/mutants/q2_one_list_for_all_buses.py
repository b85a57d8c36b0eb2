# The subscribers belong to the class, so every bus has them.
# expect: lab01.q2 fails, hint=ONE_FOR_ALL

# answer: lab01.q2
from collections import deque


class Bus:
    subscribers = []

    def __init__(self):
        self.waiting, self.delivering, self.failures = deque(), False, []

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append((event, list(self.subscribers)))
        if self.delivering:
            return
        self.delivering = True
        while self.waiting:
            event, present = self.waiting.popleft()
            self.failures += deliver_all(event, present)
        self.delivering = False
