# Tries all attempts in one go.
# expect: lab08.q3 fails, hint=AT_ONCE

# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for wait in waits:
        client.declare_queue(f"orders.wait.{wait}", ttl=wait * 1000, dead_letter_exchange="",
                             dead_letter_key="orders")


def handle(client, delivery, work, waits):
    for attempt in range(len(waits) + 1):
        try:
            work(delivery.event)
            break
        except Exception:
            continue
    else:
        client.publish("", "orders.parked", delivery.body, headers={**delivery.headers, "attempts": len(waits) + 1})
    delivery.ack()
