# Multiplies the disk by the peak.
# expect: lab11.q3 fails, hint=DISK_TOO_LARGE

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 4},
        "retention_hours": 24,
        "gigabytes": 19.5,
    }
