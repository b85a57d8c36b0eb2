# No key, and one consumer that happens to read all in their order.
# expect: lab11.q2 fails, hint=KEY_BREAKS_ORDER

# answer: lab11.q2
def receipts(brief):
    return {
        "key": None,
        "partitions": 8,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 1, "analytics": 1},
    }
