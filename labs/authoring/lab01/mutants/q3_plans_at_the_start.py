# Plans all attempts at the start, whatever each of them takes.
# expect: lab01.q3 fails, hint=WRONG_WAITS

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    done = []
    last = []

    def attempt():
        if done:
            return
        try:
            handler(event)
            done.append(1)
        except Exception as e:
            last.append(e)
            if len(last) == attempts:
                give_up(event, e)
    at = 0
    for n in range(attempts):
        env.after(at, attempt)
        at += first * 2 ** n
