# An event from a handler is delivered at once, before the rest have seen the first.
# expect: lab01.q2 fails, hint=OUT_OF_ORDER

# answer: lab01.q2
class Bus:
    def __init__(self):
        self.subscribers = []

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        deliver_all(event, list(self.subscribers))
