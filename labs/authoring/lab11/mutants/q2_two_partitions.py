# Two partitions, since nobody counted.
# expect: lab11.q2 fails, hint=TOO_FEW_PARTITIONS

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 2,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 2, "analytics": 1},
    }
