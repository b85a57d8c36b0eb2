# Calls the next attempt, where it should hand it over.
# expect: lab01.q3 fails, hint=CALLS_AT_ONCE

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number == attempts:
                give_up(event, error)
                return
            problem = error
        else:
            return
        env.after(first * 2 ** (number - 1), attempt(number + 1))

    attempt(1)
