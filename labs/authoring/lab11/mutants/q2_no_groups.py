# Leaves a reader out of the groups.
# expect: lab11.q2 fails, hint=NO_DESIGN

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 8,
        "groups": {"mail": "mail"},
        "consumers": {"mail": 8, "analytics": 1},
    }
