# Goes on behind the highest number that is left: from 1, when the relay has emptied the table.
# expect: lab09.q3 fails, hint=OWN_NUMBERS

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))

    with transaction(db):
        db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        for event in events:
            [[highest]] = db.execute("SELECT coalesce(max(number), 0) FROM outbox")
            db.execute("INSERT INTO outbox VALUES (?, ?)", [highest + 1, event.to_json().decode()])
