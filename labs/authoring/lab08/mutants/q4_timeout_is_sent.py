# Takes a timeout for a slow confirm.
# expect: lab08.q4 fails, hint=BELIEVES

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    outcome = "refused"
    for number in range(len(waits) + 1):
        if number:
            sleep(waits[number - 1])
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
            return "sent" if confirm.returned is None else "unroutable"
        except Timeout:
            return "sent"
        except EvlabError as error:
            print("refused:", error)
    return outcome
