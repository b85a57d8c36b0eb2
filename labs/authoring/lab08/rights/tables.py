# A table of reached places, handle's own ack, one exchange for all waits, a list of outcomes.

# answer: lab08.q1
def matches(pattern, key):
    words = key.split(".") if key else []
    reached = {0}
    for wanted in pattern.split(".") if pattern else []:
        if wanted == "#":
            reached = {place for place in range(len(words) + 1) if reached and place >= min(reached)}
        else:
            reached = {place + 1 for place in reached if place < len(words) and wanted in ("*", words[place])}
    return len(words) in reached


# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        if delivery.redelivered and carrier.has(delivery.event.key):
            return
        try:
            carrier.ship(delivery.event.key)
        except Timeout:
            delivery.reject(requeue=True)

    client.channel(prefetch=1).consume("orders", handle)


# answer: lab08.q3
def declare(client, waits):
    client.declare_exchange("retry", "direct")
    client.declare_exchange("again", "fanout")
    client.declare_queue("orders")
    client.bind("orders", "again")
    client.declare_queue("orders.parked")
    client.bind("orders.parked", "retry", str(len(waits)))
    for number, wait in enumerate(waits):
        name = client.declare_queue(f"retry-{number}", ttl=1000 * wait, dead_letter_exchange="again")
        client.bind(name, "retry", str(number))


def handle(client, delivery, work, waits):
    headers = dict(delivery.headers)
    attempts = headers.setdefault("attempts", 0)
    headers["attempts"] = attempts + 1
    try:
        work(delivery.event)
    except Exception:
        client.publish("retry", str(attempts), delivery.event, headers=headers)
    delivery.ack()


# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    heard = []
    for wait in [0, *waits]:
        sleep(wait)
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
        except EvlabError as error:
            heard.append(error)
            continue
        if confirm.returned:
            return "unroutable"
        return "sent"
    return "unknown" if any(isinstance(error, Timeout) for error in heard) else "refused"
