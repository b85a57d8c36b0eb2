# Remembers ids in a set of the process.
# expect: lab09.q1 fails, hint=IN_MEMORY

# answer: lab09.q1
handled = set()


def once(db, consumer, event, effect):
    if (consumer, event.id) not in handled:
        with transaction(db):
            effect()
        handled.add((consumer, event.id))
