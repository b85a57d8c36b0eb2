# Two copies, both needed.
# expect: lab11.q4 fails, hint=ONE_BROKER_STOPS_ALL

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 14,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 14, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 12,
        "replicas": 2,
        "min_insync": 2,
        "acks": "all",
        "promise": 900,
    }
