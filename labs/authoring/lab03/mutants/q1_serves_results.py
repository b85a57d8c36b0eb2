# Has changed serve, which was given.
# expect: lab03.q1 fails, hint=SERVE_CHANGED

# answer: lab03.q1
def pass_on(data):
    passed = dict(data)
    if passed.get("currency") is None:
        passed["currency"] = "EUR"
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    return passed


def serve(inbox):
    return [pass_on(data) for data in inbox]
