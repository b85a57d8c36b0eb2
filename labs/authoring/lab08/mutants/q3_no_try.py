# No try.
# expect: lab08.q3 fails, hint=COMES_OUT

# answer: lab08.q3
def declare(client, waits):
    client.declare_queue("orders")
    client.declare_queue("orders.parked")
    for wait in waits:
        client.declare_queue(f"orders.wait.{wait}", ttl=wait * 1000, dead_letter_exchange="",
                             dead_letter_key="orders")


def handle(client, delivery, work, waits):
    work(delivery.event)
    delivery.ack()
