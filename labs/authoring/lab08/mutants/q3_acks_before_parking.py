# Publishes into a wait and then acks, and parks the other way round.
# expect: lab08.q3 fails, hint=ACKS_FIRST_AGAIN

# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for number, wait in enumerate(waits):
        client.declare_queue(f"wait-{number}", ttl=wait * 1000, dead_letter_exchange="", dead_letter_key="orders")


def handle(client, delivery, work, waits):
    failed = delivery.headers.get("attempts", 0)
    try:
        work(delivery.event)
    except Exception:
        headers = {**delivery.headers, "attempts": failed + 1}
        if failed < len(waits):
            client.publish("", f"wait-{failed}", delivery.body, headers=headers)
        else:
            delivery.ack()
            client.publish("", "orders.parked", delivery.body, headers=headers)
            return
    delivery.ack()
