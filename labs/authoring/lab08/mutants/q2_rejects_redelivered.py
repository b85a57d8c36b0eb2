# Takes what was redelivered for poison.
# expect: lab08.q2 fails, hint=REJECTS

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        if delivery.redelivered and not carrier.has(delivery.event.key):
            delivery.nack(requeue=False)
            return
        try:
            if not delivery.redelivered:
                carrier.ship(delivery.event.key)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
