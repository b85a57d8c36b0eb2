# Makes an id of its own for each delivery.
# expect: lab09.q1 fails, hint=COPY_COUNTS

# answer: lab09.q1
import uuid


def once(db, consumer, event, effect):
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id",
                      [consumer, str(uuid.uuid4())]):
            effect()
