# A regular expression word by word, the parking by a dead-letter exchange, a recursion over the waits.

# answer: lab08.q1
import re


def matches(pattern, key):
    if not key:
        return not pattern.replace("#", "").strip(".") if pattern != "." else False
    text = ""
    for word in pattern.split(".") if pattern else []:
        text += {"*": r"\.[^.]*", "#": r"(?:\.[^.]*)*"}.get(word) or r"\." + re.escape(word)
    return re.fullmatch(text, "." + key) is not None


# answer: lab08.q2
from evlab import Timeout


class Shipping:
    def __init__(self, carrier):
        self.carrier = carrier

    def needs_shipping(self, delivery):
        return not delivery.redelivered or not self.carrier.has(delivery.event.key)

    def __call__(self, delivery):
        try:
            if self.needs_shipping(delivery):
                self.carrier.ship(delivery.event.key)
            delivery.ack()
        except Timeout:
            delivery.nack()


def start(client, carrier):
    client.channel(1).consume("orders", Shipping(carrier), acks="manual")


# answer: lab08.q3
def declare(client, waits):
    client.declare_exchange("orders.dead", "topic")
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    client.bind("orders.parked", "orders.dead", "#")
    for wait in set(waits):
        client.declare_queue(name_of(wait), ttl=int(wait * 1000), dead_letter_exchange="", dead_letter_key="orders",
                             max_length=100_000)


def name_of(wait):
    return f"wait {wait} s"


def handle(client, delivery, work, waits):
    try:
        work(delivery.event)
    except Exception as error:
        tried = delivery.headers.get("attempts", 0) + 1
        headers = {**delivery.headers, "attempts": tried, "error": str(error)}
        if tried > len(waits):
            client.publish("orders.dead", "failed", delivery.body, headers=headers, mandatory=True)
        else:
            client.publish("", name_of(waits[tried - 1]), delivery.body, headers=headers, mandatory=True)
        delivery.ack(multiple=False)
    else:
        delivery.ack()


# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    try:
        confirm = client.publish("shop", event.routing_key, event, mandatory=True, headers={"id": event.id})
        return "unroutable" if confirm.returned else "sent"
    except EvlabError as error:
        mine = "unknown" if isinstance(error, Timeout) else "refused"
    if not waits:
        return mine
    sleep(waits[0])
    later = send(client, event, waits[1:], sleep)
    return mine if later == "refused" else later
