# Changes what was given, and looks at the day as a whole.
# expect: lab07.q4 fails, hint=GIVEN_CHANGED

# answer: lab07.q4
import json


def consumers(seen):
    return seen['partitions']


def decisions(text):
    day = json.loads(text)
    out = []
    for came in day["arrivals"]:
        need = next((n for n in range(1, 13) if max(sum(came[c::n]) for c in range(n)) <= 5700), 12)
        out.append(need)
    best = out[:]
    for i in range(len(out)):
        best[i] = max(out[max(0, i - 15):i + 15])
    return best
