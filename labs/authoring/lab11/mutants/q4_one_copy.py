# A single copy.
# expect: lab11.q4 fails, hint=ACKED_AND_LOST

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 14,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 14, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 6,
        "replicas": 1,
        "min_insync": 1,
        "acks": "all",
        "promise": 900,
    }
