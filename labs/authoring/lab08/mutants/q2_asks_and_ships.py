# Asks, and ships all the same.
# expect: lab08.q2 fails, hint=IGNORES_REDELIVERED

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        try:
            if delivery.redelivered and carrier.has(order):
                print(order, 'is shipped already')
            carrier.ship(order)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
