# Uses the name after `as` in a call that comes later.
# expect: lab01.q3 fails, hint=ERROR_GONE

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number, error=None):
        if number > attempts:
            give_up(event, error)
            return
        try:
            handler(event)
        except Exception as error:
            wait = first * 2 ** (number - 1) if number < attempts else 0
            env.after(wait, lambda: attempt(number + 1, error))

    attempt(1)
