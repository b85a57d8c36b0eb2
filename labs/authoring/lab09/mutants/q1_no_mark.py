# A transaction, and no mark.
# expect: lab09.q1 fails, hint=COPY_COUNTS

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        effect()
