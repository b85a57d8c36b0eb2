# Keeps one waiting event: a second one overwrites it.
# expect: lab01.q2 fails, hint=LOST

# answer: lab01.q2
class Bus:
    def __init__(self):
        self.subscribers, self.next, self.busy = [], None, False

    def subscribe(self, name, handler):
        self.subscribers.append((name, handler))

    def publish(self, event):
        self.next = (event, list(self.subscribers))
        if self.busy:
            return
        self.busy = True
        while self.next:
            event, present = self.next
            self.next = None
            deliver_all(event, present)
        self.busy = False
