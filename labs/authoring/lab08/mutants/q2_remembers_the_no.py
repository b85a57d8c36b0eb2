# The carrier is asked once about each order, and its no is remembered.
# expect: lab08.q2 fails, hint=TIMEOUT_IS_NO

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    shipped = {}

    def handle(delivery):
        key = delivery.event.key
        if delivery.redelivered and key not in shipped:
            shipped[key] = carrier.has(key)
        if shipped.get(key):
            delivery.ack()
            return
        try:
            carrier.ship(key)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    client.channel(prefetch=1).consume("orders", handle, acks="manual")
