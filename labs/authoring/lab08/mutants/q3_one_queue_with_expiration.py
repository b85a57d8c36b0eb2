# One waiting queue, and a TTL in each message.
# expect: lab08.q3 fails, hint=HEAD_BLOCKS

# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    client.declare_queue("orders.wait", dead_letter_exchange="", dead_letter_key="orders")


def handle(client, delivery, work, waits):
    failed = delivery.headers.get("attempts", 0)
    headers = {**delivery.headers, "attempts": failed + 1}
    try:
        work(delivery.event)
    except Exception:
        if failed < len(waits):
            client.publish("", "orders.wait", delivery.body, headers=headers, expiration=str(waits[failed] * 1000))
        else:
            client.publish("", "orders.parked", delivery.body, headers=headers)
    delivery.ack()
