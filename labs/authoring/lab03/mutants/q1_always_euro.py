# Puts EUR into every order.
# expect: lab03.q1 fails, hint=CHANGES_FIELDS

# answer: lab03.q1
def pass_on(data):
    passed = dict(data)
    passed["currency"] = "EUR"
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
