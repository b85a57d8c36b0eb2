# A hundred, to be safe.
# expect: lab11.q2 fails, hint=TOO_MANY_PARTITIONS

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 100,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 100, "analytics": 1},
    }
