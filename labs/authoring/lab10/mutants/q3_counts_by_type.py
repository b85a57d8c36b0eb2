# Counts the attempts of a command's type, and never begins anew.
# expect: lab10.q3 fails, hint=REMEMBERS

# answer: lab10.q3
from evlab import Timeout

tried = {}


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    while tried.get(asked.type, 0) < attempts:
        tried[asked.type] = tried.get(asked.type, 0) + 1
        try:
            answer = ask(asked)
        except Timeout:
            continue
        if answer == "done" or kind in ("compensatable", "pivot"):
            return answer
        asked = new_command()
    return "unknown" if kind == "compensatable" else "parked"
