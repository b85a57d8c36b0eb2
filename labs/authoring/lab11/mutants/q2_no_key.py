# No key, for the best spread.
# expect: lab11.q2 fails, hint=KEY_BREAKS_ORDER

# answer: lab11.q2
def receipts(brief):
    return {
        "key": None,
        "partitions": 8,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 8, "analytics": 1},
    }
