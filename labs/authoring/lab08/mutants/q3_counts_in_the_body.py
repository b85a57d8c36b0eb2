# Writes its count into the event as well.
# expect: lab08.q3 fails, hint=LOSES_PARTS

# answer: lab08.q3
import json


def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for number, wait in enumerate(waits):
        client.declare_queue(f"orders.{number}", ttl=1000 * wait, dead_letter_exchange="", dead_letter_key="orders")


def handle(client, delivery, work, waits):
    order = json.loads(delivery.body)
    failed = order["payload"].get("attempts", 0)
    try:
        work(delivery.event)
    except Exception:
        order["payload"]["attempts"] = failed + 1
        where = f"orders.{failed}" if failed < len(waits) else "orders.parked"
        client.publish("", where, json.dumps(order).encode(), headers={**delivery.headers, "attempts": failed + 1})
    delivery.ack()
