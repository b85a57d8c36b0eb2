# Has three commands ready, whatever the number of attempts.
# expect: lab10.q3 fails, hint=SAME_AFTER_NO

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    spare = 2
    asked = new_command()
    for attempt in range(attempts):
        try:
            answer = ask(asked)
        except Timeout:
            continue
        if answer == "done" or kind in ("compensatable", "pivot"):
            return answer
        if spare and attempt + 1 < attempts:
            spare -= 1
            asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
