# After the last attempt it sets the event aside and raises all the same.
# expect: lab01.q3 fails, hint=LETS_ERROR_OUT

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number == attempts:
                give_up(event, error)
                raise
            env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
