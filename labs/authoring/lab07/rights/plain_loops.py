# Plain loops, and a scaler that measures its busiest consumer and remembers the rate of the last minutes.

# answer: lab07.q1
def group_lag(ends, starts, committed):
    report = {"lag": {}, "total": 0, "worst": None}
    for partition in sorted(ends):
        if partition in committed:
            waiting = ends[partition] - committed[partition]
        else:
            waiting = ends[partition] - starts[partition]
        if waiting < 0:
            waiting = 0
        report["lag"][partition] = waiting
        report["total"] += waiting
        if report["worst"] is None or waiting > report["lag"][report["worst"]]:
            report["worst"] = partition
    return report


# answer: lab07.q2
def time_lag(points, committed, now):
    if committed is None or len(points) == 0:
        return None
    newest = points[-1]
    if committed >= newest[0]:
        return 0.0
    pairs = [(points[place], points[place + 1]) for place in range(len(points) - 1)]
    pairs = [pair for pair in reversed(pairs) if pair[0][0] <= committed <= pair[1][0]] or [(points[0], newest)]
    (low, begin), (high, until) = pairs[0]
    if high == low:
        return None
    part = (committed - low) / (high - low)
    return now - ((1 - part) * begin + part * until)


# answer: lab07.q3
def health(commits, ends, now):
    if len(commits) < 10:
        return "OK"
    first, last = commits[0], commits[-1]
    if ends[-1] - last[0] < 1:
        return "OK"
    idle = False
    for end in ends:
        idle = idle or end <= last[0]
    if not idle and now - last[1] > last[1] - first[1]:
        return "STOP"
    for place in range(1, 10):
        was = commits[place - 1][0]
        if commits[place][0] < was and not [offset for offset, _, _ in commits[place:] if offset >= was]:
            return "REWIND"
    for _, _, lag in commits:
        if lag == 0:
            return "OK"
    if min(offset for offset, _, _ in commits) == max(offset for offset, _, _ in commits):
        return "STALL"
    fell = 0
    for place in range(1, 10):
        if commits[place][2] < commits[place - 1][2]:
            fell += 1
    return "OK" if fell else "WARN"


# answer: lab07.q4
import json

RATES = []


def load_of(count, work):
    """What the busiest of so many has to do."""
    busy = [0.0] * count
    for partition, records in enumerate(work):
        busy[partition % count] += records
    return max(busy)


def consumers(seen):
    RATES.append(seen["arrivals"])
    lately = RATES[-5:]
    means = [sum(rates) / len(lately) for rates in zip(*lately, strict=True)]
    work = [max(rate * 1.05, mean * 1.15) + lag / 480
            for rate, mean, lag in zip(seen["arrivals"], means, seen["lags"], strict=True)]
    count = seen["running"]
    while count < seen["partitions"] and load_of(count, work) > 100:
        count += 1
    if count > seen["running"] or seen["since"] < 12:
        return count
    while count > 1 and load_of(count - 1, work) <= 88:
        count -= 1
    return count


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
