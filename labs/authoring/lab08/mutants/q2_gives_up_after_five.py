# After five timeouts it has had enough.
# expect: lab08.q2 fails, hint=ACKS_FAILURE

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    tries = {}

    def handle(delivery):
        order = delivery.event.key
        if delivery.redelivered and carrier.has(order):
            return delivery.ack()
        tries[order] = tries.get(order, 0) + 1
        try:
            carrier.ship(order)
        except Timeout:
            if tries[order] < 5:
                return delivery.nack(requeue=True)
        delivery.ack()

    client.channel(prefetch=1).consume("orders", handle, acks="manual")
