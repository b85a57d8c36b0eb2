# Forgets the ack, and has no limit that would show it.
# expect: lab08.q2 fails, hint=NEVER_ACKS

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

    client.channel().consume("orders", handle, acks="manual")
