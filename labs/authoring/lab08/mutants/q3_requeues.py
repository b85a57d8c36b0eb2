# Gives what fails back at once, for ever.
# expect: lab08.q3 fails, hint=AT_ONCE

# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for wait in waits:
        client.declare_queue(f"orders.wait.{wait}", ttl=wait * 1000, dead_letter_exchange="",
                             dead_letter_key="orders")


def handle(client, delivery, work, waits):
    failed = delivery.headers.get("attempts", 0)
    try:
        work(delivery.event)
    except Exception as error:
        print(error)
        delivery.nack(requeue=True)
        return
    delivery.ack()
