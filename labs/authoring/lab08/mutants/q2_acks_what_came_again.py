# What came again is acked before it is shipped: a second crash loses it.
# expect: lab08.q2 fails, hint=ACKS_FIRST

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        key = delivery.event.key
        if delivery.redelivered:
            delivery.ack()
            while not carrier.has(key):
                try:
                    carrier.ship(key)
                except Timeout:
                    continue
            return
        try:
            carrier.ship(key)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    client.channel(prefetch=1).consume("orders", handle, acks="manual")
