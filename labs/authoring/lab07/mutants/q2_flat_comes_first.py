# Asks for a flat line before it asks for the newest end.
# expect: lab07.q2 fails, hint=NOT_ZERO_AT_THE_END

# answer: lab07.q2
def time_lag(points, committed, now):
    if committed is None or not points:
        return None
    if len(points) > 1 and points[0][0] == points[-1][0]:
        return None
    if committed >= points[-1][0]:
        return 0.0
    if len(points) < 2:
        return None
    place = max((i for i, (o, _) in enumerate(points) if o <= committed), default=None)
    (a, s), (b, t) = (points[0], points[-1]) if place is None else points[place:place + 2]
    return now - (s + (committed - a) / (b - a) * (t - s))
