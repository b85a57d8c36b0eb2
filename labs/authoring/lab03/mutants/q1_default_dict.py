# The result is a default argument, so all orders share it.
# expect: lab03.q1 fails, hint=LEAKS_INTO_NEXT

# answer: lab03.q1
def pass_on(data, passed={"currency": "EUR"}):
    passed.update(data)
    if passed["currency"] is None:
        passed["currency"] = "EUR"
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    return dict(passed)


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
