# One line through the oldest and the newest point, for every offset.
# expect: lab07.q2 fails, hint=ONE_LINE_FOR_ALL

# answer: lab07.q2
def time_lag(points, committed, now):
    if committed is None or not points:
        return None
    if committed >= points[-1][0]:
        return 0.0
    left, right = points[0], points[-1]
    if left[0] == right[0]:
        return None
    return now - (right[1] - (right[0] - committed) * (right[1] - left[1]) / (right[0] - left[0]))
