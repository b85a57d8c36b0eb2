# Asks a pivot that said no once more.
# expect: lab10.q3 fails, hint=RETRIES_REFUSED

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    for attempt in range(attempts):
        try:
            answer = ask(asked)
        except Timeout:
            continue
        if answer == "done" or kind == "compensatable":
            return answer
        if attempt + 1 < attempts:
            asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
