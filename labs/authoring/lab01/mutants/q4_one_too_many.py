# Counts its attempts from 0.
# expect: lab01.q4 fails, hint=RETRIES_FOREVER

# answer: lab01.q4
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.attempts, self.first = env, attempts, first
        self.subscribers, self.dead_letters = {}, []

    def subscribe(self, name, handler):
        self.subscribers[name] = handler

    def publish(self, event):
        for name in list(self.subscribers):
            self.deliver(event, name)

    def deliver(self, event, name, number=0):
        try:
            self.subscribers[name](event)
        except Exception as error:
            if number == self.attempts:
                self.dead_letters.append((event, name, error))
            else:
                self.env.after(self.first * 2 ** number, lambda: self.deliver(event, name, number + 1))

    def redrive(self):
        letters, self.dead_letters = self.dead_letters, []
        for event, name, _ in letters:
            self.deliver(event, name)
