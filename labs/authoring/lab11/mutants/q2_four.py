# Four, with a third of headroom.
# expect: lab11.q2 fails, hint=NO_HEADROOM

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": 4,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 4, "analytics": 1},
    }
