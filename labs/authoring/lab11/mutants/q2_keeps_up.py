# Three partitions keep up at the peak.
# expect: lab11.q2 fails, hint=NO_HEADROOM

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 3,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 3, "analytics": 1},
    }
