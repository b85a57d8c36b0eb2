# No wait is longer than a minute, which nobody has asked for.
# expect: lab01.q3 fails, hint=WRONG_WAITS

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    def attempt(n):
        try:
            handler(event)
        except Exception as error:
            if n == attempts:
                give_up(event, error)
            else:
                env.after(min(60, first * 2 ** (n - 1)), lambda: attempt(n + 1))
    attempt(1)
