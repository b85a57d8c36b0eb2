# Plans every attempt in advance, also those after a success.
# expect: lab01.q3 fails, hint=CALLED_AGAIN

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    seen = []

    def attempt():
        try:
            handler(event)
        except Exception as error:
            seen.append(error)
            if len(seen) == attempts:
                give_up(event, error)

    wait = 0
    for number in range(attempts):
        if number == 0:
            attempt()
        else:
            wait += first * 2 ** (number - 1)
            env.after(wait, attempt)
