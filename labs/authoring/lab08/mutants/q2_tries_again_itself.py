# Ships again after a timeout, without asking.
# expect: lab08.q2 fails, hint=TIMEOUT_IS_NO

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        if not (delivery.redelivered and carrier.has(order)):
            while True:
                try:
                    carrier.ship(order)
                    break
                except Timeout:
                    pass
        delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
