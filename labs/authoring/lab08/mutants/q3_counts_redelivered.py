# A delivery that is marked counts as a failure.
# expect: lab08.q3 fails, hint=COUNTS_DELIVERIES

# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for number, wait in enumerate(waits):
        client.declare_queue(f"wait-{number}", ttl=wait * 1000, dead_letter_exchange="", dead_letter_key="orders")


def handle(client, delivery, work, waits):
    failed = delivery.headers.get("attempts", 0) + delivery.redelivered
    try:
        work(delivery.event)
    except Exception:
        queue = f"wait-{failed}" if failed < len(waits) else "orders.parked"
        client.publish("", queue, delivery.body, headers={**delivery.headers, "attempts": failed + 1})
    delivery.ack()
