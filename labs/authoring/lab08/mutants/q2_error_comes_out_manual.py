# Lets the timeout out, and nobody acks or nacks.
# expect: lab08.q2 fails, hint=KEEPS_IT

# answer: lab08.q2
def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        if not (delivery.redelivered and carrier.has(order)):
            carrier.ship(order)
        delivery.ack()

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
