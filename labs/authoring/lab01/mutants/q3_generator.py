# A process with yields, as in the notebooks; but here nobody drives it.
# expect: lab01.q3 fails, hint=YIELDS

# answer: lab01.q3
def deliver(event, handler, env, give_up, attempts=4, first=0.5):

    for number in range(1, attempts + 1):
        try:
            handler(event)
            return
        except Exception as error:
            if number == attempts:
                give_up(event, error)
        yield first * 2 ** (number - 1)
