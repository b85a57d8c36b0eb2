# Deduplicates by a hash of key and payload.
# expect: lab09.q1 fails, hint=EQUAL_IS_COPY

# answer: lab09.q1
import hashlib
import json


def once(db, consumer, event, effect):
    digest = hashlib.sha256(json.dumps([event.type, event.key, event.data]).encode()).hexdigest()
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, digest]):
            effect()
