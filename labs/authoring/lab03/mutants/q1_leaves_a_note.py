# Adds fields of its own that nobody asked for.
# expect: lab03.q1 fails, hint=INVENTS_FIELDS

# answer: lab03.q1
def pass_on(data):
    passed = dict(data)
    if passed.get("currency") is None:
        passed["currency"] = "EUR"
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    passed["checked_by"] = "fraud"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
