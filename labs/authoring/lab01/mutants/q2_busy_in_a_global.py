# One flag for all: while one bus delivers, the others only take in.
# expect: lab01.q2 fails, hint=ONE_FOR_ALL

# answer: lab01.q2
from collections import deque

busy = False


class Bus:
    def __init__(self):
        self.waiting = deque()
        self.subscribers = []
        self.failures = []

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        global busy
        self.waiting.append((event, list(self.subscribers)))
        if busy:
            return
        busy = True
        while self.waiting:
            event, subs = self.waiting.popleft()
            self.failures.extend(deliver_all(event, subs))
        busy = False
