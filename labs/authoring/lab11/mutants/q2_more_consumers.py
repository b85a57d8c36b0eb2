# More consumers than partitions.
# expect: lab11.q2 fails, hint=IDLE_CONSUMERS

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 8,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 12, "analytics": 1},
    }
