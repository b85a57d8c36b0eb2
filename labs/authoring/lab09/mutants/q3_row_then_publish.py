# The dual write: row, then event to the bus.
# expect: lab09.q3 fails, hint=ROW_ONLY

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))

    db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
    for event in events:
        bus.publish(event)
