# Sets the event aside with its first error, not with the last.
# expect: lab01.q3 fails, hint=WRONG_DEAD_LETTER

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    errors = []

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            errors.append(error)
            if number == attempts:
                give_up(event, errors[0])
            else:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
