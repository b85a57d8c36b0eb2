# A class, a recursion with fractions, rules as a table, a scaler that is an object and counts for itself.

# answer: lab07.q1
class Report:
    def __init__(self):
        self.lag, self.total, self.worst = {}, 0, None

    def add(self, number, lag):
        self.lag[number] = lag
        self.total += lag
        if self.worst is None or (lag, -number) > (self.lag[self.worst], -self.worst):
            self.worst = number


def group_lag(ends, starts, committed):
    report = Report()
    for number in sorted(ends):
        next_one = committed[number] if number in committed else starts[number]
        report.add(number, ends[number] - next_one if ends[number] > next_one else 0)
    return vars(report)


# answer: lab07.q2
from fractions import Fraction


def time_lag(points, committed, now):
    if committed is None or not points:
        return None
    newest = points[-1]
    if committed >= newest[0]:
        return 0.0
    if len(points) == 1 or points[0][0] == newest[0]:
        return None

    def look(place):
        if place == 0:
            return points[0], newest
        if points[place - 1][0] <= committed < points[place][0]:
            return points[place - 1], points[place]
        return look(place - 1)

    (a, s), (b, t) = look(len(points) - 1)
    return now - float(Fraction(s) + Fraction(committed - a, b - a) * (Fraction(t) - Fraction(s)))


# answer: lab07.q3
def health(commits, ends, now):
    offsets, times, lags = zip(*commits) if commits else ((), (), ())
    steps = list(zip(offsets, offsets[1:]))
    rules = [
        (lambda: len(commits) < 10, "OK"),
        (lambda: ends[-1] <= offsets[-1], "OK"),
        (lambda: now - times[-1] > times[-1] - times[0] and min(ends) > offsets[-1], "STOP"),
        (lambda: any(b < a and offsets[-1] < a for a, b in steps), "REWIND"),
        (lambda: any(lag == 0 for lag in lags), "OK"),
        (lambda: len(set(offsets)) == 1, "STALL"),
        (lambda: not any(b < a for a, b in zip(lags, lags[1:])), "WARN"),
        (lambda: True, "OK"),
    ]
    return next(word for fits, word in rules if fits())


# answer: lab07.q4
import json


class Scaler:
    def __init__(self):
        self.quiet = 0

    def needed(self, seen, headroom):
        n = 1
        while n < seen["partitions"]:
            busiest = max(sum(seen["arrivals"][c::n]) * headroom + sum(seen["lags"][c::n]) / 300 for c in range(n))
            if busiest <= 100:
                break
            n += 1
        return n

    def __call__(self, seen):
        want = self.needed(seen, 1.05)
        if want > seen["running"]:
            self.quiet = 0
            return want
        lower = self.needed(seen, 1.25)
        self.quiet = self.quiet + 1 if lower < seen["running"] else 0
        if self.quiet > 15:
            self.quiet = 0
            return lower
        return seen["running"]


consumers = Scaler()


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
