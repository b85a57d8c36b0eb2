# Swallows the timeout; handle ends, and that is an ack.
# expect: lab08.q2 fails, hint=ACKS_FAILURE

# answer: lab08.q2
from evlab import Timeout


def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        try:
            if not (delivery.redelivered and carrier.has(order)):
                carrier.ship(order)
        except Timeout as error:
            print(error)

    client.channel(prefetch=1).consume("orders", handle)
