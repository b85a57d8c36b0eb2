# Keeps as long as the weekend, and not a minute more.
# expect: lab11.q4 fails, hint=RETENTION_TOO_SHORT

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 14,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 14, "fraud": 2},
        "retention_hours": 60,
        "gigabytes": 5,
        "replicas": 3,
        "min_insync": 2,
        "acks": "all",
        "promise": 900,
    }
