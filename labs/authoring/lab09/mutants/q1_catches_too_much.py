# Takes every error of evlab's for a copy, also one of the effect.
# expect: lab09.q1 fails, hint=SWALLOWS

# answer: lab09.q1
from evlab import EvlabError


def once(db, consumer, event, effect):
    try:
        with transaction(db):
            db.execute("INSERT INTO inbox VALUES (?, ?)", [consumer, event.id])
            effect()
    except EvlabError:
        pass  # a copy
