# A prefetch of ten for work of a second.
# expect: lab08.q2 fails, hint=HOARDS

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        try:
            if not (delivery.redelivered and carrier.has(order)):
                carrier.ship(order)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    client.channel(prefetch=10).consume("orders", handle, acks="manual")
