# What the estimate says for even keys.
# expect: lab11.q3 fails, hint=HOT_PARTITION

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 12,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 12, "search": 3},
        "retention_hours": 24,
        "gigabytes": 5,
    }
