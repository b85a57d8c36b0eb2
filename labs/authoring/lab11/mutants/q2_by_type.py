# Keys by the event's type: two types, and murmur2 has both in one partition of eight.
# expect: lab11.q2 fails, hint=HOT_PARTITION

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "type",
        "partitions": 8,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 8, "analytics": 1},
    }
