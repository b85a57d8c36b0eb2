# Changes the order and returns nothing.
# expect: lab03.q1 fails, hint=NOTHING_PASSED

# answer: lab03.q1
def pass_on(data):
    passed = dict(data)
    if passed.get("currency") is None:
        passed["currency"] = "EUR"
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
