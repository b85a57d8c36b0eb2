# The first delivery is not counted as an attempt.
# expect: lab01.q3 fails, hint=ONE_TOO_MANY

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number > attempts:
                give_up(event, error)
            else:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
