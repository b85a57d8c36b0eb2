# Numbers by the count of what waits: too low once the relay has struck out.
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
            [[waiting]] = db.execute("SELECT count(*) FROM outbox")
            while db.execute("SELECT 1 FROM outbox WHERE number = ?", [waiting + 1]):
                waiting -= 1
            db.execute("INSERT INTO outbox VALUES (?, ?)", [waiting + 1, event.to_json().decode()])
