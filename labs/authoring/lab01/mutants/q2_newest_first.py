# The waiting events are a stack: the newest comes out first.
# expect: lab01.q2 fails, hint=OUT_OF_ORDER

# answer: lab01.q2
class Bus:
    def __init__(self):
        self.subscribers, self.waiting, self.busy = [], [], False

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.waiting.append((event, list(self.subscribers)))
        if self.busy:
            return
        self.busy = True
        while self.waiting:
            event, present = self.waiting.pop()
            deliver_all(event, present)
        self.busy = False
