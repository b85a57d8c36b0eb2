# Writes the values into the SQL.
# expect: lab09.q1 fails, hint=TEXT_IN_SQL

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        if db.execute(f"INSERT INTO inbox VALUES ('{consumer}', '{event.id}') ON CONFLICT DO NOTHING RETURNING id"):
            effect()
