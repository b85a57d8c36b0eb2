# Returns without an ack when the carrier has it.
# expect: lab08.q2 fails, hint=NEVER_ACKS

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        if delivery.redelivered and carrier.has(order):
            return
        try:
            carrier.ship(order)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
