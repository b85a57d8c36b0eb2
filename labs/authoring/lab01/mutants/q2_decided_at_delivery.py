# Who gets an event is decided when its turn comes, and not when it is published.
# expect: lab01.q2 fails, hint=LATE_SUBSCRIBER

# answer: lab01.q2
from collections import deque


class Bus:
    def __init__(self):
        self.subscribers, self.waiting, self.delivering, self.failures = [], deque(), False, []

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append(event)
        if self.delivering:
            return
        self.delivering = True
        while self.waiting:
            event, present = self.waiting.popleft(), list(self.subscribers)
            self.failures += deliver_all(event, present)
        self.delivering = False
