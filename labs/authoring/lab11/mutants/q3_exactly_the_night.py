# Keeps as long as the night, and not a minute more.
# expect: lab11.q3 fails, hint=RETENTION_TOO_SHORT

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 4},
        "retention_hours": 12,
        "gigabytes": 2.4,
    }
