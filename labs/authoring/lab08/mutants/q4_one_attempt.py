# Gives up at the first failure.
# expect: lab08.q4 fails, hint=GIVES_UP

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    try:
        confirm = client.publish("shop", event.routing_key, event, mandatory=True)
        return "sent" if confirm.returned is None else "unroutable"
    except Timeout:
        return "unknown"
    except EvlabError:
        return "refused"
