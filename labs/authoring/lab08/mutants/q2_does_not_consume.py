# Makes a channel, and asks for nothing.
# expect: lab08.q2 fails, hint=NOT_SHIPPED

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

    channel = client.channel(prefetch=1)
