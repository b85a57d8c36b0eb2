# Leaves what was redelivered to somebody else.
# expect: lab08.q2 fails, hint=REQUEUES_FOREVER

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        if delivery.redelivered:
            delivery.nack(requeue=True)
            return
        try:
            carrier.ship(delivery.event.key)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
