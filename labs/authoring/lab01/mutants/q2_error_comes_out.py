# Calls the handlers itself and forgets what question 1 was about.
# expect: lab01.q2 fails, hint=STOPS_AT_FAILURE

# answer: lab01.q2
from collections import deque


class Bus:
    def __init__(self):
        self.subscribers, self.waiting, self.busy = [], deque(), False

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append((event, list(self.subscribers)))
        if self.busy:
            return
        self.busy = True
        try:
            while self.waiting:
                event, present = self.waiting.popleft()
                for name, handler in present:
                    handler(event)
        finally:
            self.busy = False
