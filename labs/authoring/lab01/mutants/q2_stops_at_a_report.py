# A report of failures ends the loop; what waits is delivered with the next event.
# expect: lab01.q2 fails, hint=LEFT_WAITING

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
            event, subs = self.waiting.popleft()
            report = deliver_all(event, subs)
            if report:
                self.failures += report
                break
        self.delivering = False
