# Sends on the risk, and not the order.
# expect: lab03.q1 fails, hint=DROPS_FIELDS

# answer: lab03.q1
def pass_on(data):
    passed = {"order": data["order"], "currency": data.get("currency")}
    if passed.get("currency") is None:
        passed["currency"] = "EUR"
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
