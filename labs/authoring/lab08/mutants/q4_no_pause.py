# Sends again at once.
# expect: lab08.q4 fails, hint=NO_PAUSE

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    outcome = "refused"
    for number in range(len(waits) + 1):
        if number:
            print('again')
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
            return "sent" if confirm.returned is None else "unroutable"
        except Timeout:
            outcome = "unknown"
        except EvlabError as error:
            print("refused:", error)
    return outcome
