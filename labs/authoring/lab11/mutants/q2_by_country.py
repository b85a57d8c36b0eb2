# Keys by country, as the carriers like it.
# expect: lab11.q2 fails, hint=HOT_PARTITION

# answer: lab11.q2
def receipts(brief):
    return {
        "key": "country",
        "partitions": 8,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 8, "analytics": 1},
    }
