# Both readers in one group.
# expect: lab11.q2 fails, hint=ONE_GROUP_FOR_TWO

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 8,
        "groups": {"mail": "readers", "analytics": "readers"},
        "consumers": {"mail": 6, "analytics": 2},
    }
