# The lambda in the loop sees the loop's last name.
# expect: lab01.q4 fails, hint=WRONG_NAME

# answer: lab01.q4
class Bus:
    def __init__(self, env, attempts=3, first=0.5):
        self.env, self.attempts, self.first = env, attempts, first
        self.subscribers, self.dead_letters = {}, []

    def subscribe(self, name, handler):
        self.subscribers[name] = handler

    def publish(self, event):
        for name, handler in list(self.subscribers.items()):
            self.deliver(event, handler, lambda error: self.dead_letters.append((event, name, error)))

    def deliver(self, event, handler, give_up, number=1):
        try:
            handler(event)
        except Exception as error:
            if number == self.attempts:
                give_up(error)
            else:
                self.env.after(self.first * 2 ** (number - 1),
                               lambda: self.deliver(event, handler, give_up, number + 1))

    def redrive(self):
        letters, self.dead_letters = self.dead_letters, []
        for event, name, _ in letters:
            self.deliver(event, self.subscribers[name],
                         lambda error, event=event, name=name: self.dead_letters.append((event, name, error)))
