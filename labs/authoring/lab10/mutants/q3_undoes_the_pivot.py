# Says unknown of a pivot, and nobody ever looks at it.
# expect: lab10.q3 fails, hint=UNDOES_IT_ALL

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
    return "unknown" if kind in ("compensatable", "pivot") else "parked"
