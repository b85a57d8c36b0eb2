# Until it works.
# expect: lab08.q4 fails, hint=TRIES_ON

# answer: lab08.q4
from evlab import EvlabError


def send(client, event, waits, sleep):
    number = 0
    while True:
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
            return "sent" if confirm.returned is None else "unroutable"
        except EvlabError:
            sleep(waits[min(number, len(waits) - 1)] if waits else 1)
            number += 1
