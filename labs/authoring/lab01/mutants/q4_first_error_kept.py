# The dead letter says what the first attempt failed at.
# expect: lab01.q4 fails, hint=WRONG_DEAD_LETTER

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

    def deliver(self, event, name, number=1, why=None):
        try:
            self.subscribers[name](event)
        except Exception as error:
            why = why or error
            if number == self.attempts:
                self.dead_letters.append((event, name, why))
            else:
                self.env.after(self.first * 2 ** (number - 1), lambda: self.deliver(event, name, number + 1, why))

    def redrive(self):
        letters, self.dead_letters = self.dead_letters, []
        for event, name, _ in letters:
            self.deliver(event, name)
