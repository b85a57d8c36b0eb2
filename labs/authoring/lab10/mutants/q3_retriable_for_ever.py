# Asks a retriable step until it answers.
# expect: lab10.q3 fails, hint=ASKS_ON

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    for attempt in range(10 if kind == "retriable" else attempts):
        try:
            answer = ask(asked)
        except Timeout:
            continue
        if answer == "done" or kind in ("compensatable", "pivot"):
            return answer
        if attempt < 9:
            asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
