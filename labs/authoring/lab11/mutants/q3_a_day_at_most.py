# Keeps two days on a disk for one and a half.
# expect: lab11.q3 fails, hint=DISK_TOO_SMALL

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 4},
        "retention_hours": 48,
        "gigabytes": 4.5,
    }
