# Does nothing.
# expect: lab04.q1 fails, hint=NOT_LISTED

# answer: lab04.q1
def apply(db, event):
    return None
