# Nobody counts: it tries until the end of time.
# expect: lab01.q3 fails, hint=RETRIES_FOREVER

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception:
            env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
