# The doubling begins one attempt too early.
# expect: lab01.q3 fails, hint=WRONG_WAITS

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number == attempts:
                give_up(event, error)
            else:
                env.after(first * 2 ** number, lambda: attempt(number + 1))

    attempt(1)
