# One dict of headers for all orders.
# expect: lab08.q3 fails, hint=MIXES_ORDERS

# answer: lab08.q3
headers = {}


def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for number, wait in enumerate(waits):
        client.declare_queue(f"wait-{number}", ttl=wait * 1000, dead_letter_exchange="", dead_letter_key="orders")


def handle(client, delivery, work, waits):
    headers.update(delivery.headers)
    failed = headers.get("attempts", 0)
    try:
        work(delivery.event)
    except Exception:
        headers["attempts"] = failed + 1
        queue = f"wait-{failed}" if failed < len(waits) else "orders.parked"
        client.publish("", queue, delivery.body, headers=headers)
    delivery.ack()
