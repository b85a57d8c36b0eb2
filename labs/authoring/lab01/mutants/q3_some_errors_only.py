# Tries again after an OSError, and lets everything else through.
# expect: lab01.q3 fails, hint=LETS_ERROR_OUT

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except OSError as error:
            if number == attempts:
                give_up(event, error)
            else:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
