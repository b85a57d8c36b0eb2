# The last attempt sets the event aside, and so does the end of the policy.
# expect: lab01.q3 fails, hint=DEAD_LETTER_TWICE

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number == attempts:
                give_up(event, error)
            last = error
            env.after(first * 2 ** (number - 1), lambda: again(number + 1, last))

    def again(number, error):
        if number <= attempts:
            attempt(number)
        else:
            give_up(event, error)

    attempt(1)
