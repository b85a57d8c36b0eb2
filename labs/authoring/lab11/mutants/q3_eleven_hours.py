# Keeps a little less than the night.
# expect: lab11.q3 fails, hint=RETENTION_TOO_SHORT

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 4},
        "retention_hours": 11,
        "gigabytes": 2,
    }
