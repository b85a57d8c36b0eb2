# Carries the line on beyond the newest point: records of the future.
# expect: lab07.q2 fails, hint=BEYOND_THE_NEWEST

# answer: lab07.q2
def time_lag(points, committed, now):
    if committed is None or not points:
        return None
    if committed == points[-1][0]:
        return 0.0
    left, right = points[0], points[-1]
    for first, second in zip(points, points[1:]):
        if first[0] <= committed <= second[0]:
            left, right = first, second
    if left[0] == right[0]:
        return None
    return now - (right[1] - (right[0] - committed) * (right[1] - left[1]) / (right[0] - left[0]))
