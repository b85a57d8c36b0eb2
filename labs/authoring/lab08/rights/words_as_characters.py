# A regular expression of whole words; a generator as the worker; headers changed in place; outcomes in a list.

# answer: lab08.q1
import re


def matches(pattern, key):
    wild = {"*": r"\.[^.]*", "#": r"(?:\.[^.]*)*"}
    parts = [wild.get(word) or re.escape("." + word) for word in pattern.split(".")] if pattern else []
    return re.fullmatch("".join(parts), "." + key if key else "") is not None


# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def work():
        while True:
            delivery = yield
            order = delivery.event.key
            try:
                if not delivery.redelivered or not carrier.has(order):
                    carrier.ship(order)
            except Timeout:
                delivery.nack(requeue=True)
            else:
                delivery.ack()

    worker = work()
    next(worker)
    client.channel(prefetch=1).consume("orders", lambda delivery: (worker.send(delivery), None)[1], acks="manual")


# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for wait in set(waits):
        client.declare_queue(f"wait-{wait}", ttl=wait * 1000, dead_letter_exchange="", dead_letter_key="orders")


def handle(client, delivery, work, waits):
    try:
        work(delivery.event)
    except Exception:
        headers = delivery.headers
        failed = headers["attempts"] = headers.get("attempts", 0) + 1
        queues = [f"wait-{wait}" for wait in waits] + ["orders.parked"]
        client.publish("", queues[failed - 1], delivery.body, headers=headers)
    delivery.ack()


# answer: lab08.q4
from evlab import EvlabError, Timeout


def send(client, event, waits, sleep):
    def attempt():
        try:
            confirm = client.publish("shop", event.routing_key, event, mandatory=True)
        except Timeout:
            return "unknown"
        except EvlabError:
            return "refused"
        return "unroutable" if confirm.returned else "sent"

    heard = [attempt()]
    for wait in waits:
        if heard[-1] in ("sent", "unroutable"):
            break
        sleep(wait)
        heard.append(attempt())
    return next(word for word in ("sent", "unroutable", "unknown", "refused") if word in heard)
