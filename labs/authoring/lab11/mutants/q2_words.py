# A number in words.
# expect: lab11.q2 fails, hint=NO_DESIGN

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "order",
        "partitions": "8",
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 8, "analytics": 1},
    }
