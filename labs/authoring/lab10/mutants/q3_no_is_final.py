# Returns refused where there is no way back.
# expect: lab10.q3 fails, hint=NO_WAY_BACK

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    for attempt in range(attempts):
        try:
            answer = ask(asked)
        except Timeout:
            continue
        if answer == "done" or answer == "refused":
            return answer
        if attempt + 1 < attempts:
            asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
