# Takes the list of subscribers once, when the delivering begins.
# expect: lab01.q2 fails, hint=DECIDED_EARLY

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
        self.waiting.append(event)
        if self.delivering:
            return
        self.delivering = True
        subs = list(self.subscribers)
        while self.waiting:
            event = self.waiting.popleft()
            self.failures.extend(deliver_all(event, subs))
        self.delivering = False
