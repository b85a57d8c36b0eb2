# The first failure ends the loop over the subscribers.
# expect: lab01.q4 fails, hint=NEVER_DELIVERED

# answer: lab01.q4
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.attempts, self.first = env, attempts, first
        self.subscribers, self.dead_letters = {}, []

    def subscribe(self, name, handler):
        self.subscribers[name] = handler

    def publish(self, event):
        for name in list(self.subscribers):
            if not self.deliver(event, name):
                break

    def deliver(self, event, name, number=1):
        try:
            self.subscribers[name](event)
            return True
        except Exception as error:
            if number == self.attempts:
                self.dead_letters.append((event, name, error))
            else:
                self.env.after(self.first * 2 ** (number - 1), lambda: self.deliver(event, name, number + 1))
            return False

    def redrive(self):
        letters, self.dead_letters = self.dead_letters, []
        for event, name, error in letters:
            self.deliver(event, name)
