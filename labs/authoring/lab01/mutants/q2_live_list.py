# Goes through the list itself, which grows while it does.
# expect: lab01.q2 fails, hint=LATE_SUBSCRIBER

# answer: lab01.q2
from collections import deque


class Bus:
    def __init__(self):
        self.subscribers, self.waiting, self.busy, self.failures = [], deque(), False, []

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append(event)
        if self.busy:
            return
        self.busy = True
        while self.waiting:
            self.failures += deliver_all(self.waiting.popleft(), self.subscribers)
        self.busy = False
