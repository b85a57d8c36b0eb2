# Leaves out every field that is null, and not the currency alone.
# expect: lab03.q1 fails, hint=DROPS_EMPTY

# answer: lab03.q1
def pass_on(data):
    passed = {name: value for name, value in data.items() if value is not None}
    passed.setdefault("currency", "EUR")
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
