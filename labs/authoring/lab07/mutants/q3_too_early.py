# Judges by the commits that there are.
# expect: lab07.q3 fails, hint=TOO_EARLY

# answer: lab07.q3
def health(commits, ends, now):
    offsets, times, lags = ([commit[place] for commit in commits] for place in range(3))
    if not commits:
        return "OK"
    if ends[-1] <= offsets[-1]:
        return "OK"
    if now - times[-1] > times[-1] - times[0] and min(ends) > offsets[-1]:
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
