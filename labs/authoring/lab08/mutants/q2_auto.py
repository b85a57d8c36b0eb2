# The broker acks when it sends.
# expect: lab08.q2 fails, hint=ACKS_FIRST

# answer: lab08.q2
def start(client, carrier):
    def handle(delivery):
        if not (delivery.redelivered and carrier.has(delivery.event.key)):
            carrier.ship(delivery.event.key)

    client.channel(prefetch=1).consume("orders", handle, acks="auto")
