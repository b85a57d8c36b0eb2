# Lets the timeout out: rejected, and gone.
# expect: lab08.q2 fails, hint=REJECTS

# answer: lab08.q2
def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        if not (delivery.redelivered and carrier.has(order)):
            carrier.ship(order)

    client.channel(prefetch=1).consume("orders", handle)
