# Publishes inside of the transaction, before the commit.
# expect: lab09.q3 fails, hint=PUBLISHED_TOO_EARLY

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))

    with transaction(db):
        db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        for event in events:
            bus.publish(event)
