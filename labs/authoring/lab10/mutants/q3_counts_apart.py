# Counts silences and refusals apart, so they may add up to more.
# expect: lab10.q3 fails, hint=ASKS_ON

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked, silences, refusals = new_command(), 0, 0
    while silences < attempts and refusals < attempts:
        try:
            answer = ask(asked)
        except Timeout:
            silences += 1
            continue
        if answer == "done" or kind in ("compensatable", "pivot"):
            return answer
        refusals += 1
        if refusals < attempts:
            asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
