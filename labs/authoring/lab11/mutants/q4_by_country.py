# Keys by country.
# expect: lab11.q4 fails, hint=KEY_BREAKS_ORDER

# answer: lab11.q4
def money(brief):
    return {
        "key": "country",
        "partitions": 14,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 14, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 18,
        "replicas": 3,
        "min_insync": 2,
        "acks": "all",
        "promise": 900,
    }
