# Puts the event into the queue and delivers it as well.
# expect: lab01.q2 fails, hint=CALLED_TWICE

# answer: lab01.q2
from collections import deque


class Bus:
    def __init__(self):
        self.subscribers, self.waiting, self.busy = [], deque(), False

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append((event, list(self.subscribers)))
        if not self.busy:
            self.busy = True
            deliver_all(event, list(self.subscribers))
            while self.waiting:
                waiting, present = self.waiting.popleft()
                deliver_all(waiting, present)
            self.busy = False
