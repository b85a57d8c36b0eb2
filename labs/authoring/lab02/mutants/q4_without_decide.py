# Makes the event itself, and leaves the rules out.
# expect: lab02.q4 fails, hint=SKIPS_DECIDE

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        version = len(store.read(stream))
        event = fact("Deposited" if command["type"] == "Deposit" else "Withdrawn", amount=command["amount"])
        try:
            return store.append(stream, [event], expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
