# Finishes with one subscriber before it begins with the next.
# expect: lab01.q4 fails, hint=WAITS_FOR_ANOTHER

# answer: lab01.q4
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.attempts, self.first = env, attempts, first
        self.subscribers, self.dead_letters = {}, []

    def subscribe(self, name, handler):
        self.subscribers[name] = handler

    def publish(self, event):
        self.next(event, list(self.subscribers))

    def next(self, event, names):
        if names:
            self.deliver(event, names[0], 1, names[1:])

    def deliver(self, event, name, number=1, others=()):
        try:
            self.subscribers[name](event)
        except Exception as error:
            if number == self.attempts:
                self.dead_letters.append((event, name, error))
                self.next(event, others)
            else:
                self.env.after(self.first * 2 ** (number - 1), lambda: self.deliver(event, name, number + 1, others))
        else:
            self.next(event, others)

    def redrive(self):
        letters, self.dead_letters = self.dead_letters, []
        for event, name, error in letters:
            self.deliver(event, name)
