# Takes the next number before the transaction.
# expect: lab09.q3 fails, hint=OWN_NUMBERS

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))

    [[last]] = db.execute("SELECT coalesce(max(number), 0) FROM outbox")
    with transaction(db):
        db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        for place, event in enumerate(events, 1):
            db.execute("INSERT INTO outbox VALUES (?, ?)", [last + place, event.to_json().decode()])
