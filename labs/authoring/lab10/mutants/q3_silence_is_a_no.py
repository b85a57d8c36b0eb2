# Asks again, and takes silence to the end for a no.
# expect: lab10.q3 fails, hint=SILENCE_IS_NO

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    for attempt in range(attempts):
        try:
            answer = ask(asked)
        except Timeout:
            continue
        if answer == "done" or kind in ("compensatable", "pivot"):
            return answer
        if attempt + 1 < attempts:
            asked = new_command()
    return "refused" if kind == "compensatable" else "parked"
