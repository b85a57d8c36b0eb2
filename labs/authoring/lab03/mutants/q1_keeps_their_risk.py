# Believes a risk that came with the order.
# expect: lab03.q1 fails, hint=WRONG_RISK

# answer: lab03.q1
def pass_on(data):
    passed = dict(data)
    passed["currency"] = passed.get("currency") or "EUR"
    passed.setdefault("risk", "high" if data["total_cents"] >= 50_000 else "low")
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
