# Partitions enough, half of the consumers.
# expect: lab11.q2 fails, hint=TOO_FEW_CONSUMERS

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 8,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 4, "analytics": 1},
    }
