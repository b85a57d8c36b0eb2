# The line into the past begins behind a pause.
# expect: lab07.q2 fails, hint=OLDER_THAN_ALL

# answer: lab07.q2
def time_lag(points, committed, now):
    if committed is None or not points:
        return None
    if committed >= points[-1][0]:
        return 0.0
    distinct = list({o: (o, t) for o, t in points}.values())
    if len(distinct) < 2:
        return None
    place = max((i for i, (o, _) in enumerate(distinct) if o <= committed), default=None)
    (a, s), (b, t) = (distinct[0], distinct[-1]) if place is None else distinct[place:place + 2]
    return now - (s + (committed - a) / (b - a) * (t - s))
