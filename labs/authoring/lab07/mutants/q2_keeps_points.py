# Keeps the points of all calls in one list.
# expect: lab07.q2 fails, hint=REMEMBERS

# answer: lab07.q2
seen = []

def time_lag(points, committed, now):
    seen.extend(p for p in points if p not in seen)
    pts = sorted(seen)
    if committed is None or not pts:
        return None
    if committed >= pts[-1][0]:
        return 0.0
    if len(pts) < 2 or pts[0][0] == pts[-1][0]:
        return None
    place = max((i for i, (o, _) in enumerate(pts) if o <= committed), default=None)
    (a, s), (b, t) = (pts[0], pts[-1]) if place is None else pts[place:place + 2]
    return now - (s + (committed - a) / (b - a) * (t - s))
