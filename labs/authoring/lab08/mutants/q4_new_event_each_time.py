# Makes the event anew for each attempt.
# expect: lab08.q4 fails, hint=NEW_ID

# answer: lab08.q4
from evlab import Event, EvlabError, Timeout


def send(client, event, waits, sleep):
    outcome = "refused"
    for number in range(len(waits) + 1):
        if number:
            sleep(waits[number - 1])
        copy = Event(type=event.type, source=event.source, key=event.key, data=event.data)
        try:
            confirm = client.publish("shop", event.routing_key, copy.to_json(), mandatory=True)
            return "unroutable" if confirm.returned else "sent"
        except Timeout:
            outcome = "unknown"
        except EvlabError:
            pass
    return outcome
