# `or` where `and` is meant: asks about the new ones.
# expect: lab08.q2 fails, hint=ASKS_ALWAYS

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        try:
            if not delivery.redelivered and not carrier.has(order) or delivery.redelivered and not carrier.has(order):
                carrier.ship(order)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
