# Each failure makes a dead letter, and it goes on trying.
# expect: lab01.q3 fails, hint=GIVES_UP_EARLY

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            give_up(event, error)
            if number < attempts:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
