# Guards against being called again by turning the event away.
# expect: lab01.q2 fails, hint=LOST

# answer: lab01.q2
class Bus:
    def __init__(self):
        self.subscribers, self.busy = [], False

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        if self.busy:
            return
        self.busy = True
        deliver_all(event, list(self.subscribers))
        self.busy = False
