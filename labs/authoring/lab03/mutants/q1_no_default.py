# Leaves an old order without a currency.
# expect: lab03.q1 fails, hint=NO_DEFAULT

# answer: lab03.q1
def pass_on(data):
    passed = dict(data)
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
