# Passes on the fields that have been seen so far.
# expect: lab03.q1 fails, hint=DROPS_FIELDS

# answer: lab03.q1
KNOWN = ("order", "total_cents", "coupon", "gift", "channel", "points", "note", "discount_cents", "tags")


def pass_on(data):
    passed = {k: data[k] for k in KNOWN if k in data}
    passed["currency"] = data.get("currency") or "EUR"
    passed["risk"] = "high" if data["total_cents"] >= 50_000 else "low"
    return passed


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]
