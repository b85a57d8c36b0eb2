# Asks whether it went back before it asks for silence.
# expect: lab07.q3 fails, hint=OTHER_ORDER

# answer: lab07.q3
from itertools import pairwise


def health(commits, ends, now):
    if len(commits) < 10:
        return "OK"
    last, when, _ = commits[-1]
    if ends[-1] <= last:
        return "OK"
    for (a, _, _), (b, _, _) in pairwise(commits):
        if b < a > last:
            return "REWIND"
    if now - when > when - commits[0][1] and not any(end <= last for end in ends):
        return "STOP"
    if any(l == 0 for _, _, l in commits):
        return "OK"
    if len({o for o, _, _ in commits}) == 1:
        return "STALL"
    if all(b[2] >= a[2] for a, b in pairwise(commits)):
        return "WARN"
    return "OK"
