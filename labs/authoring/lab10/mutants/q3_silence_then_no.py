# A no after silence is no clear answer, it thinks.
# expect: lab10.q3 fails, hint=WRONG_ANSWER

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked, silent = new_command(), False
    for attempt in range(attempts):
        try:
            answer = ask(asked)
        except Timeout:
            silent = True
            continue
        if answer == "done" or kind in ("compensatable", "pivot"):
            return "unknown" if silent and answer == "refused" and kind == "compensatable" else answer
        if attempt + 1 < attempts:
            asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
