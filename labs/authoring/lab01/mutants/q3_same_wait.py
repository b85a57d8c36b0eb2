# Waits equally long each time.
# expect: lab01.q3 fails, hint=CONSTANT_WAIT

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number == attempts:
                give_up(event, error)
            else:
                env.after(first, lambda: attempt(number + 1))

    attempt(1)
