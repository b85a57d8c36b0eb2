# Back is: before the first of the ten, or before the highest of them at the end.
# expect: lab07.q3 fails, hint=REWIND_THAT_RETURNED

# answer: lab07.q3
def health(commits, ends, now):
    offsets, times, lags = ([commit[place] for commit in commits] for place in range(3))
    if len(commits) < 10:
        return "OK"
    if ends[-1] <= offsets[-1]:
        return "OK"
    if now - times[-1] > times[-1] - times[0] and min(ends) > offsets[-1]:
        return "STOP"
    if min(offsets[1:]) < offsets[0] or offsets[-1] < max(offsets):
        return "REWIND"
    if 0 in lags:
        return "OK"
    if len(set(offsets)) == 1:
        return "STALL"
    if lags == sorted(lags):
        return "WARN"
    return "OK"
