# After the last attempt the event is gone without a word.
# expect: lab01.q3 fails, hint=NO_DEAD_LETTER

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception:
            if number < attempts:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))

    attempt(1)
