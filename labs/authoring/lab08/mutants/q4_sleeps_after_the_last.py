# A pause after each attempt, the last one included.
# expect: lab08.q4 fails, hint=SLEEPS_AT_THE_END

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    outcome = "refused"
    for number in range(len(waits) + 1):
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
            return "unroutable" if confirm.returned else "sent"
        except Timeout:
            outcome = "unknown"
        except EvlabError:
            pass
        if waits:
            sleep(waits[min(number, len(waits) - 1)])
    return outcome
