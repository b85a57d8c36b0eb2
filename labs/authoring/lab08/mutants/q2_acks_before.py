# Acks before the work.
# expect: lab08.q2 fails, hint=ACKS_FIRST

# answer: lab08.q2
def start(client, carrier):
    def handle(delivery):
        order = delivery.event.key
        delivery.ack()
        if not (delivery.redelivered and carrier.has(order)):
            carrier.ship(order)

    channel = client.channel(prefetch=1)
    channel.consume("orders", handle, acks="manual")
