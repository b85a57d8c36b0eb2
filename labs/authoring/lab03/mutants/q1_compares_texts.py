# Compares the cents as texts.
# expect: lab03.q1 fails, hint=WRONG_RISK

# answer: lab03.q1
def pass_on(data):
    passed = dict(data)
    if not passed.get("currency"):
        passed["currency"] = "EUR"
    passed["risk"] = "high" if str(data["total_cents"]) >= "50000" else "low"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
