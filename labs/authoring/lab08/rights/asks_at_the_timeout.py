# Two pointers; asks the carrier right after a timeout; a queue for each order; a nack when a confirm is missing.

# answer: lab08.q1
class Pattern:
    def __init__(self, text):
        self.words = text.split(".") if text else []

    def __call__(self, key):
        words = key.split(".") if key else []
        place = at = 0
        back = None
        while at < len(words):
            if place < len(self.words) and self.words[place] == "#":
                back = place, at
                place += 1
            elif place < len(self.words) and self.words[place] in ("*", words[at]):
                place, at = place + 1, at + 1
            elif back:
                back = back[0], back[1] + 1
                place, at = back[0] + 1, back[1]
            else:
                return False
        return all(word == "#" for word in self.words[place:])


def matches(pattern, key):
    return Pattern(pattern)(key)


# answer: lab08.q2
from evlab import EvlabError


class Worker:
    def __init__(self, carrier):
        self.carrier, self.sure = carrier, set()

    def __call__(self, delivery):
        order = delivery.event.key
        if order in self.sure or (delivery.redelivered and self.carrier.has(order)):
            delivery.ack()
            return
        try:
            self.carrier.ship(order)
            shipped = True
        except EvlabError:
            shipped = self.carrier.has(order)
        if not shipped:
            delivery.nack()
            return
        self.sure.add(order)
        delivery.ack()


def start(client, carrier):
    client.channel(1).consume("orders", Worker(carrier), acks="manual")


# answer: lab08.q3
def declare(client, waits):
    for name in ("orders", "orders.parked"):
        client.declare_queue(name)


def handle(client, delivery, work, waits):
    tried = delivery.headers.get("attempts", 0) + 1
    try:
        work(delivery.event)
    except Exception:
        name = "orders.parked"
        if tried <= len(waits):
            name = f"{delivery.event.key}.{tried}"
            client.declare_queue(name, ttl=int(1000 * waits[tried - 1]), dead_letter_exchange="",
                                 dead_letter_key="orders")
        try:
            client.publish(exchange="", key=name, body=delivery.body, headers=delivery.headers | {"attempts": tried})
        except Exception:
            delivery.nack(requeue=True)
            return
    delivery.ack()


# answer: lab08.q4
import evlab


def send(client, event, waits, sleep, worst="refused"):
    try:
        confirm = client.publish("shop", event.routing_key, event, mandatory=True)
    except evlab.EvlabError as error:
        worst = "unknown" if isinstance(error, evlab.Timeout) else worst
        if not waits:
            return worst
        sleep(waits[0])
        return send(client, event, waits[1:], sleep, worst)
    if confirm.returned is None:
        return "sent"
    return "unknown" if worst == "unknown" else "unroutable"
