# A key that the events do not have.
# expect: lab11.q2 fails, hint=NO_DESIGN

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order_id",
        "partitions": 8,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 8, "analytics": 1},
    }
