# Catches another error than the one that comes.
# expect: lab08.q2 fails, hint=KEEPS_IT

# answer: lab08.q2
def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        try:
            if not (delivery.redelivered and carrier.has(order)):
                carrier.ship(order)
        except OSError:
            delivery.nack(requeue=True)
        else:
            delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
