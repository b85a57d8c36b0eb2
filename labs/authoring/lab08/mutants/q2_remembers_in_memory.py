# A set in memory instead of the carrier.
# expect: lab08.q2 fails, hint=IGNORES_REDELIVERED

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    shipped = set()


    def handle(delivery):
        order = delivery.event.key
        try:
            if order not in shipped:
                carrier.ship(order)
                shipped.add(order)
        except Timeout:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
