# Asks for the return at the first attempt only.
# expect: lab08.q4 fails, hint=NOT_MANDATORY

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    outcome = "refused"
    for number in range(len(waits) + 1):
        if number:
            sleep(waits[number - 1])
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=number == 0)
            return "unroutable" if confirm.returned else "sent"
        except Timeout:
            outcome = "unknown"
        except EvlabError:
            pass
    return outcome
