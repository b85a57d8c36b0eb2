# Counts by event and handler: the second delivery of the same finds the count of the first.
# expect: lab01.q3 fails, hint=SHARED_STATE

# answer: lab01.q3
tries = {}


def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    k = (event.id, id(handler))
    n = tries[k] = tries.get(k, 0) + 1
    try:
        handler(event)
    except Exception as error:
        if n == attempts:
            give_up(event, error)
        else:
            env.after(first * 2 ** (n - 1), lambda: deliver(event, handler, env, give_up, attempts, first))
