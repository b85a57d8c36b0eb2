# Sets the event aside at the end, however it ended.
# expect: lab01.q3 fails, hint=DEAD_TOO_SOON

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number, error=None):
        if number > attempts:
            give_up(event, error)
            return
        try:
            handler(event)
            give_up(event, error)
        except Exception as problem:
            again = problem
            if number == attempts:
                give_up(event, problem)
            else:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1, again))

    attempt(1)
