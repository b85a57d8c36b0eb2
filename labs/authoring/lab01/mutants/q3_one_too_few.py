# Sets the event aside before the last attempt.
# expect: lab01.q3 fails, hint=GIVES_UP_EARLY

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number >= attempts - 1:
                give_up(event, error)
            else:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
