# After a silence the line behind the `try` uses an answer that there is not.
# expect: lab10.q3 fails, hint=UNBOUND

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    for _ in range(attempts):
        try:
            answer = ask(asked)
        except Timeout:
            pass
        if answer == "done" or kind in ("compensatable", "pivot"):
            return answer
        asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
