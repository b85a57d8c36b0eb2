# Gives it back once; the second timeout is the end.
# expect: lab08.q2 fails, hint=REJECTS

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        if delivery.redelivered and carrier.has(order):
            return delivery.ack()
        try:
            carrier.ship(order)
        except Timeout:
            return delivery.nack(requeue=not delivery.redelivered)
        delivery.ack()

    client.channel(prefetch=1).consume("orders", handle, acks="manual")
