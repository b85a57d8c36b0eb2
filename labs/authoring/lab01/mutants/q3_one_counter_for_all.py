# The count of attempts is one for all events.
# expect: lab01.q3 fails, hint=SHARED_STATE

# answer: lab01.q3
tried = 0


def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    global tried
    tried = 0

    def attempt():
        global tried
        tried += 1
        try:
            handler(event)
        except Exception as error:
            if tried == attempts:
                give_up(event, error)
            elif tried < attempts:
                env.after(first * 2 ** (tried - 1), attempt)

    attempt()
