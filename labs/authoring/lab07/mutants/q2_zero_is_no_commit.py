# Takes offset 0 for no commit.
# expect: lab07.q2 fails, hint=ZERO_IS_AN_OFFSET

# answer: lab07.q2
def time_lag(points, committed, now):
    if not committed or not points:
        return None
    if committed >= points[-1][0]:
        return 0.0
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    place = max((i for i, (o, _) in enumerate(points) if o <= committed), default=None)
    (a, s), (b, t) = (points[0], points[-1]) if place is None else points[place:place + 2]
    return now - (s + (committed - a) / (b - a) * (t - s))
