# Asks once, and then `attempts` times again.
# expect: lab10.q3 fails, hint=ASKS_ON

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    for attempt in range(attempts + 1):
        try:
            answer = ask(asked)
        except Timeout:
            continue
        if answer == "done" or kind in ("compensatable", "pivot"):
            return answer
        if attempt < attempts:
            asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
