# Counts this failure before it looks up the wait.
# expect: lab08.q3 fails, hint=WRONG_WAIT

# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for wait in waits:
        client.declare_queue(f"orders.wait.{wait}", ttl=wait * 1000, dead_letter_exchange="",
                             dead_letter_key="orders")


def handle(client, delivery, work, waits):
    failed = delivery.headers.get("attempts", 0)
    place = min(failed + 1, len(waits) - 1)
    try:
        work(delivery.event)
    except Exception as error:
        print(delivery.event.key, "failed:", error)
        queue = f"orders.wait.{waits[place]}" if failed < len(waits) else "orders.parked"
        client.publish("", queue, delivery.body, headers={**delivery.headers, "attempts": failed + 1})
    delivery.ack()
