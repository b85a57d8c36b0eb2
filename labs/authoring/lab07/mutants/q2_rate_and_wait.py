# The same division, and the time since the newest point on top.
# expect: lab07.q2 fails, hint=RATE_OF_NOW

# answer: lab07.q2
def time_lag(points, committed, now):
    if committed is None or not points:
        return None
    if committed >= points[-1][0]:
        return 0.0
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    (earlier, begin), (end, until) = points[-2:]
    return now - until + (end - committed) * (until - begin) / (end - earlier)
