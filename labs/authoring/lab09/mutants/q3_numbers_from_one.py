# Each order numbers its events from 1.
# expect: lab09.q3 fails, hint=OWN_NUMBERS

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))

    with transaction(db):
        db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        for number, event in enumerate(events, 1):
            db.execute("INSERT INTO outbox VALUES (?, ?)", [number, event.to_json().decode()])
