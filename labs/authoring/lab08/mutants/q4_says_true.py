# Returns True.
# expect: lab08.q4 fails, hint=NO_ANSWER

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    outcome = "refused"
    for number in range(len(waits) + 1):
        if number:
            sleep(waits[number - 1])
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
            return confirm.returned is None
        except Timeout:
            outcome = "unknown"
        except EvlabError as error:
            print("refused:", error)
    return outcome
