# A list that is made once keeps the errors of all events.
# expect: lab08.q4 fails, hint=REMEMBERS_CALLS

# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep, errors=[]):
    for number in range(len(waits) + 1):
        if number:
            sleep(waits[number - 1])
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
            return "unroutable" if confirm.returned else "sent"
        except EvlabError as error:
            errors.append(type(error))
    return "unknown" if Timeout in errors else "refused"
