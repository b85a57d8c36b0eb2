# Only the payload goes into the outbox.
# expect: lab09.q3 fails, hint=NOT_AN_EVENT

# answer: lab09.q3
import json

from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))
    with transaction(db):
        db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        for event in events:
            db.execute("INSERT INTO outbox (event) VALUES (?)", [json.dumps(event.data)])
