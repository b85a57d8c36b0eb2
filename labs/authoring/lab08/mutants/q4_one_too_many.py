# One attempt too many.
# expect: lab08.q4 fails, hint=TRIES_ON

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    outcome = "refused"
    for number in range(len(waits) + 2):
        if number:
            sleep((waits or [1])[min(number, len(waits)) - 1])
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
            return "sent" if confirm.returned is None else "unroutable"
        except Timeout:
            outcome = "unknown"
        except EvlabError as error:
            print("refused:", error)
    return outcome
