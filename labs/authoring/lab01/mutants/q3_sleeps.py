# Waits with time.sleep: the whole bus stands still meanwhile.
# expect: lab01.q3 fails, hint=SLEEPS

# answer: lab01.q3
import time


def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    for number in range(1, attempts + 1):
        try:
            handler(event)
            return
        except Exception as error:
            last = error
        if number < attempts:
            time.sleep(first * 2 ** (number - 1))
    give_up(event, last)
