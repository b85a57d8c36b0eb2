# Compares the first offset with the last for STALL.
# expect: lab07.q3 fails, hint=STALL_THOUGH_MOVING

# answer: lab07.q3
def health(commits, ends, now):
    offsets, times, lags = ([commit[place] for commit in commits] for place in range(3))
    if len(commits) < 10:
        return "OK"
    if ends[-1] <= offsets[-1]:
        return "OK"
    if now - times[-1] > times[-1] - times[0] and min(ends) > offsets[-1]:
        return "STOP"
    if any(max(offsets[place:]) < offsets[place - 1] for place in range(1, 10)):
        return "REWIND"
    if 0 in lags:
        return "OK"
    if offsets[0] == offsets[-1]:
        return "STALL"
    if lags == sorted(lags):
        return "WARN"
    return "OK"
