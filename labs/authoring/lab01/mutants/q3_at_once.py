# A loop: all attempts within the same instant.
# expect: lab01.q3 fails, hint=NO_BACKOFF

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    for number in range(1, attempts + 1):
        try:
            return handler(event)
        except Exception as error:
            last = error
    give_up(event, last)
