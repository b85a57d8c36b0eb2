# Compares the silence with one gap between commits, and not with all of them.
# expect: lab07.q3 fails, hint=FIXED_SILENCE

# answer: lab07.q3
def health(commits, ends, now):
    offsets, times, lags = ([commit[place] for commit in commits] for place in range(3))
    if len(commits) < 10:
        return "OK"
    if ends[-1] <= offsets[-1]:
        return "OK"
    if now - times[-1] > 2 * (times[-1] - times[-2]) and min(ends) > offsets[-1]:
        return "STOP"
    for place in range(1, len(offsets)):
        if max(offsets[place:]) < offsets[place - 1]:
            return "REWIND"
    if 0 in lags:
        return "OK"
    if len(set(offsets)) == 1:
        return "STALL"
    if lags == sorted(lags):
        return "WARN"
    return "OK"
