# Another error comes out than the database's.
# expect: lab09.q3 fails, hint=OTHER_ERROR

# answer: lab09.q3
from evlab import Event, EvlabError


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))

    try:
        with transaction(db):
            db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
            for event in events:
                db.execute("INSERT INTO outbox (event) VALUES (?)", [event.to_json().decode()])
    except EvlabError as error:
        raise ValueError("taken") from error
