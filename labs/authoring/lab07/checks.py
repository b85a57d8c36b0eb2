"""The checks of lab07, lag duty: what each question promises, and the numbers for which it may break.

Three answers are pure functions on offsets and times; evlab's own (evlab/log/lag.py) say what is due. The fourth is
called once a minute for whole days. The day runs beside the answer, which returns what it asked for; here the same day
is played again with those numbers, and priced. What passes is the bill alone; `cause` only names why it is high.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from evlab.course.judge import AnswerRaised, Case, Lab
from evlab.course.judge.question import Blame
from evlab.log import lag as reference
from evlab.sim.history import describe

lab = Lab("lab07", "Lag duty")


def note(case: Case, text: str) -> int:
    return case.history.add("note", text, node="group")


def turn(case: Case, forms: int) -> int:
    """Which of the forms this history is about: each in turn, whatever the seed."""
    return case.world.seed % 1000 % forms


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --------------------------------------------------------------------------------------------- q1: how many behind?

q1 = lab.question("q1", "How many behind, and where?", points=2, defines="group_lag")


class Group(NamedTuple):
    """What is known of a group: by partition its end, its start, and the commits that there are."""

    ends: dict[int, int]
    starts: dict[int, int]
    committed: dict[int, int]


def mixed(case: Case, by_partition: dict[int, int]) -> dict[int, int]:
    """The same dict, in an order that is not that of the numbers."""
    numbers = sorted(by_partition)
    while len(numbers) > 1 and numbers == sorted(numbers):
        case.random.shuffle(numbers)
    return {number: by_partition[number] for number in numbers}


def group_of(case: Case, most: int = 4, numbers: list[int] | None = None) -> Group:
    """Partitions of which each has a commit and a lag of its own."""
    numbers = numbers or list(range(case.pick(1, most)))
    starts = {number: case.random.randint(10, 500) for number in numbers}
    committed = {number: start + case.random.randint(5, 90) for number, start in starts.items()}
    behind = dict(zip(starts, case.random.sample(range(2, 80), len(starts)), strict=True))
    return Group({number: committed[number] + behind[number] for number in starts}, starts, committed)


def report_of(case: Case, group: Group) -> tuple[dict, Any, Any]:
    """The answer's lag by partition, total and worst, once it has the form that was asked for."""
    got = case.call("group_lag", dict(group.ends), dict(group.starts), dict(group.committed), node="group")
    for number in group.ends:
        shown = got["lag"].get(number, "nothing") if isinstance(got, dict) and isinstance(got.get("lag"), dict) else "?"
        note(case, f"partition {number}: start {group.starts[number]}, committed "
                   f"{describe(group.committed.get(number))}, end {group.ends[number]} → lag {describe(shown)}")
    if not isinstance(got, dict) or not {"lag", "total", "worst"} <= set(got) or not isinstance(got["lag"], dict):
        case.blame("NO_REPORT", f"`group_lag` returned {describe(got)}, and no dict with lag, total and worst")
    missing = sorted(set(group.ends) - set(got["lag"]))
    if missing:
        case.blame("NO_COMMIT_NO_LAG" if missing[0] not in group.committed else "NO_REPORT",
                   f"partition {missing[0]} has no line in the report", *case.entries("note"))
    return got["lag"], got["total"], got["worst"]


@q1.check("the lag of a partition is its end minus the next offset to read", histories=5)
def plain_lag(case: Case):
    group = group_of(case)
    if turn(case, 5) == 4:  # some numbers only, and the dicts in orders of their own
        group = Group(*(mixed(case, one) for one in group_of(case, numbers=case.random.sample(range(2, 30), 3))))
    found, _, _ = report_of(case, group)
    for number, end in group.ends.items():
        due = end - group.committed[number]
        if found[number] != due:
            near = is_number(found[number]) and abs(found[number] - due) == 1
            case.blame("LAST_NOT_NEXT" if near else "WRONG_LAG",
                       f"partition {number} ends at {end}, {group.committed[number]} is read next, so {due} are "
                       f"waiting; the report says {describe(found[number])}", *case.entries("note"))


@q1.check("where nothing was committed yet, all that the log holds is waiting", histories=4)
def without_a_commit(case: Case):
    group = group_of(case)
    number = case.random.choice(sorted(group.ends))
    del group.committed[number]
    held = group.ends[number] - group.starts[number]
    try:
        found, _, _ = report_of(case, group)
    except AnswerRaised as error:
        if error.type not in ("KeyError", "TypeError"):
            raise
        case.blame("NO_COMMIT_NO_LAG", f"partition {number} has no commit, and {error.type}: {error.text} came out")
    if found[number] == group.ends[number] != held:
        case.blame("COUNTS_FROM_ZERO", f"partition {number} has no commit and begins at {group.starts[number]}: {held} "
                                       f"records are there, and the report says {found[number]}", *case.entries("note"))
    if found[number] != held:
        case.blame("NO_COMMIT_NO_LAG", f"partition {number} has no commit, so all its {held} records are waiting; the "
                                       f"report says {describe(found[number])}", *case.entries("note"))


@q1.check("a lag is never below zero", histories=3)
def never_negative(case: Case):
    group = group_of(case)
    number = case.random.choice(sorted(group.ends))
    group.committed[number] = group.ends[number] + case.random.randint(1, 9)
    found, _, _ = report_of(case, group)
    if found[number] != 0:
        case.blame("NEGATIVE", f"the commit of partition {number} came in after its end was looked up: "
                               f"{group.committed[number]} against {group.ends[number]}. Nothing is waiting, and the "
                               f"report says {describe(found[number])}", *case.entries("note"))


@q1.check("the total is the sum of the lags", histories=3)
def total_is_the_sum(case: Case):
    group = group_of(case)
    extra = len(group.ends)
    group.starts[extra], group.ends[extra] = 10, 60  # no commit: 50
    group.starts[extra + 1], group.ends[extra + 1], group.committed[extra + 1] = 10, 60, 75  # beyond: 0
    found, total, _ = report_of(case, group)
    if total != sum(found.values()):
        case.blame("WRONG_TOTAL", f"the lags add up to {sum(found.values())}, and the total says {describe(total)}",
                   *case.entries("note"))


@q1.check("the worst partition is the one with the highest lag", histories=6)
def worst_is_named(case: Case):
    lags = [case.random.randint(0, 90) for _ in range(case.pick(3, 6))]
    hot = 1 + turn(case, 2)
    lags[hot] = 4_000
    if case.size > 0.7:
        lags[-1] = 4_000  # two alike: the lower number
    committed = {number: case.random.randint(100, 300) for number in range(len(lags))}
    committed[0] = 90_000 + case.random.randint(0, 999)  # the busiest partition of the past, and well
    starts = dict.fromkeys(committed, 50)
    group = Group({number: committed[number] + lags[number] for number in committed}, starts, committed)
    found, total, worst = report_of(case, group)
    due = min(number for number in found if found[number] == max(found.values()))
    if is_number(worst) and worst != due and found.get(worst) == found[due]:
        case.blame("WORST_IS_HIDDEN", f"partitions {due} and {worst} have {found[due]} each; of equal ones the lower "
                                      f"number is asked for, and `worst` says {worst}", *case.entries("note"))
    if worst != due or isinstance(worst, bool):
        case.blame("WORST_IS_HIDDEN", f"partition {due} has {found[due]} of {describe(total)}, and `worst` says "
                                      f"{describe(worst)}", *case.entries("note"))


@q1.check("of equal ones the lowest number is the worst, in whatever order they come", histories=2)
def lowest_of_equals(case: Case):
    lags = {10: 40, 3: 5, 2: 40} if turn(case, 2) == 0 else {12: 0, 7: 0, 3: 0}
    committed = {number: case.random.randint(100, 300) for number in lags}
    group = Group({number: committed[number] + lag for number, lag in lags.items()}, dict.fromkeys(lags, 50), committed)
    _, _, worst = report_of(case, group)
    due = 2 if turn(case, 2) == 0 else 3
    if worst != due or isinstance(worst, bool):
        what = f"partitions 2 and 10 have {lags[2]} each" if turn(case, 2) == 0 else "no partition is behind"
        case.blame("WORST_IS_HIDDEN", f"{what}; of equal ones the lowest number is asked for, and `worst` says "
                                      f"{describe(worst)}", *case.entries("note"))


@q1.check("a report knows nothing of the ones before it", histories=1)
def reports_stand_alone(case: Case):
    report_of(case, group_of(case, numbers=[0, 1, 2, 3]))
    group = group_of(case, numbers=[1, 2])
    lines = len(case.entries("note"))
    due = {number: end - group.committed[number] for number, end in group.ends.items()}
    try:
        found, total, worst = report_of(case, group)
    except Blame as wrong:
        case.blame("REMEMBERS", f"in a second call, {wrong.mistake.text}", *case.entries("note")[lines:])
    if (found, total, worst) != (due, sum(due.values()), max(due, key=due.__getitem__)):
        case.blame("REMEMBERS", f"a second group has partitions 1 and 2, with {due[1]} and {due[2]} waiting; its "
                                f"report says {describe(found)}, total {describe(total)}, worst {describe(worst)}",
                   *case.entries("note")[lines:])


# ------------------------------------------------------------------------------------------- q2: how many seconds?

q2 = lab.question("q2", "How many seconds behind?", points=3, defines="time_lag")

Points = list[tuple[int, float]]


def line_of(case: Case, count: int) -> Points:
    """Points whose stretches differ much in rate: slow and fast in turn."""
    points, fast = [(case.random.randint(100, 900), 0.0)], case.random.random() < 0.5
    for number in range(count - 1):
        rate = case.random.choice((40, 50, 60)) if fast == bool(number % 2) else case.random.choice((2, 4, 5))
        seconds = case.random.choice((10, 20, 30))
        points.append((points[-1][0] + rate * seconds, points[-1][1] + seconds))
    return points


def seconds_of(case: Case, points: Points, committed: int | None, now: float, on_error: str) -> Any:
    """What the answer says; an error that such numbers easily lead to is the mistake `on_error`."""
    note(case, "end offset at time: " + (", ".join(f"{end} at {time:g} s" for end, time in points) or "none"))
    try:
        got = case.call("time_lag", list(points), committed, now, node="group")
    except AnswerRaised as error:
        if error.type not in ("ZeroDivisionError", "IndexError", "TypeError", "ValueError", "StopIteration",
                              "UnboundLocalError"):
            raise
        note(case, f"committed {describe(committed)}, now {now:g} s → {error.type}")
        case.blame("FLAT_LINE" if error.type == "ZeroDivisionError" else on_error,
                   f"{error.type}: {error.text} came out", *case.entries("note"))
    if isinstance(got, float) and math.isnan(got):
        got = None
    note(case, f"committed {describe(committed)}, now {now:g} s → {said(got)}")
    return got


def said(seconds: Any) -> str:
    return f"{seconds:.6g} s" if is_number(seconds) else describe(seconds)


def due_seconds(points: Points, committed: int | None, now: float) -> float | None:
    found = reference.time_lag([reference.Point(*point) for point in points], committed, now)
    return None if math.isnan(found) else found


def close(got: Any, due: float | None) -> bool:
    if due is None or not is_number(got):
        return got is due
    return math.isclose(got, due, rel_tol=1e-6, abs_tol=0.006)  # rounded to hundredths is fine


def compare(case: Case, got: Any, due: float | None, hints: dict[str, float], otherwise: str, why: str) -> None:
    """Blame what the answer's number is known for: `hints` has the numbers that known mistakes lead to."""
    if close(got, due):
        return
    hint = next((hint for hint, wrong in hints.items() if close(got, wrong)), otherwise)
    case.blame(hint, f"{why}: {said(due)} is right, and `time_lag` says {said(got)}", *case.entries("note"))


def on(first: tuple, last: tuple, offset: int) -> float:
    """When the line through two points passed an offset."""
    return last[1] - (last[0] - offset) * (last[1] - first[1]) / (last[0] - first[0])


@q2.check("between two points, the moment lies on the line between them", histories=7)
def on_the_line(case: Case):
    if turn(case, 7) == 6:
        at_offset_zero(case)
        return
    points = line_of(case, case.pick(3, 5))
    at = case.random.randrange(len(points) - 2)
    left, right = points[at], points[at + 1]
    committed = left[0] + (right[0] - left[0]) * case.random.choice((1, 2, 3)) // 5
    now = points[-1][1] + case.random.choice((3, 7))
    due = due_seconds(points, committed, now)
    newest = points[-1]
    rate = (newest[0] - points[-2][0]) / (newest[1] - points[-2][1])
    known = {"RATE_OF_NOW": (newest[0] - committed) / rate, "FROM_THE_NEWEST_POINT": due - (now - newest[1]),
             "NEAREST_POINT": now - left[1], "ONE_LINE_FOR_ALL": now - on(points[0], newest, committed)}
    got = seconds_of(case, points, committed, now, "WRONG_TIME")
    if close(got, now - right[1]):
        known = {"NEAREST_POINT": got}
    if close(got, known.get("RATE_OF_NOW", -1) + now - newest[1]):
        known = {"RATE_OF_NOW": got}
    compare(case, got, due, known, "WRONG_TIME",
            f"the end of the log passed {committed} between {left[1]:g} s and {right[1]:g} s")


def at_offset_zero(case: Case) -> None:
    """The log has begun a moment ago, and the group reads its first record next."""
    points = [(0, 10.0), (case.random.randint(30, 90), 30.0), (200, 50.0)]
    got = seconds_of(case, points, 0, 55.0, "ZERO_IS_AN_OFFSET")
    compare(case, got, due_seconds(points, 0, 55.0), {}, "ZERO_IS_AN_OFFSET",
            "the group reads offset 0 next, and the end of the log was there at 10 s")


@q2.check("at the newest end, or beyond it, the lag is 0", histories=5)
def at_the_end(case: Case):
    form = turn(case, 5)
    points = line_of(case, 1 if form in (3, 4) else case.pick(2, 4))
    committed = points[-1][0] + (case.random.randint(1, 40) if form == 1 else 0)
    if form in (2, 4):  # nothing was written for a minute; for as long as there are points
        points.append((points[-1][0], points[-1][1] + 60))
    now = points[-1][1] + case.random.choice((4, 9))
    got = seconds_of(case, points, committed, now, "TOO_FEW_POINTS" if form == 3 else "NOT_ZERO_AT_THE_END")
    compare(case, got, 0.0, {}, "BEYOND_THE_NEWEST" if form == 1 else "NOT_ZERO_AT_THE_END",
            f"the group reads {committed} next, and the newest end is {points[-1][0]}")


@q2.check("without a commit, or with fewer than two points, it is unknown", histories=3)
def unknown(case: Case):
    form = turn(case, 3)
    points = line_of(case, 3 if form == 0 else 1)[:(3, 1, 0)[form]]
    committed = None if form == 0 else case.random.randint(5, 90)
    hint, why = ("TOO_FEW_POINTS", f"a line has two ends, and there is {len(points)} point") if form else (
        "NO_COMMIT_NO_TIME", "nothing was committed, so there is nothing to look up")
    compare(case, seconds_of(case, points, committed, 100.0, hint), None, {}, hint, why)


@q2.check("a flat line is no rate, and a pause ends late", histories=4)
def flat(case: Case):
    start, pause = case.random.randint(100, 900), case.random.choice((60, 600))
    if turn(case, 2):
        points = [(start, 0.0), (start + 200, 10.0), (start + 200, 10.0 + pause), (start + 260, 20.0 + pause)]
        committed, now = start + 200, 25.0 + pause
        got = seconds_of(case, points, committed, now, "FLAT_LINE")
        compare(case, got, due_seconds(points, committed, now), {}, "PAUSE_COUNTS_AS_LAG",
                f"{committed} was the end until {10 + pause} s, so the record to read next came after that")
    else:
        points = [(start, 10.0 * number) for number in range(case.pick(2, 4))]
        got = seconds_of(case, points, start - 20, 60.0, "FLAT_LINE")
        compare(case, got, None, {}, "FLAT_LINE", f"the end stood at {start} all the time, which gives no rate")


@q2.check("older than every point, the line of them all is carried on into the past", histories=4)
def older(case: Case):
    points = line_of(case, case.pick(3, 5))
    if turn(case, 4) == 3:  # the oldest point, and then a pause
        points = [(end, time + 40 * (number > 0)) for number, (end, time) in enumerate([points[0], *points])]
    committed, now = points[0][0] - case.random.randint(10, 60), points[-1][1] + 5
    got = seconds_of(case, points, committed, now, "OLDER_THAN_ALL")
    compare(case, got, due_seconds(points, committed, now), {}, "OLDER_THAN_ALL",
            f"{committed} is older than the oldest point, {points[0][0]}")


@q2.check("a call knows nothing of the calls before it", histories=1)
def looked_up_again(case: Case):
    seconds_of(case, [(100, 0.0), (200, 10.0), (9_000, 20.0)], 150, 25.0, "WRONG_TIME")
    points = [(100, 30.0), (220, 70.0)]  # another partition
    got = seconds_of(case, points, 210, 75.0, "REMEMBERS")
    compare(case, got, due_seconds(points, 210, 75.0), {}, "REMEMBERS",
            "another partition was asked about, after the first one")


# ------------------------------------------------------------------------------------------------- q3: is it ill?

q3 = lab.question("q3", "Ill, or only busy?", points=3, defines="health")

WORDS = ("OK", "WARN", "STALL", "STOP", "REWIND")
Commits = list[tuple[int, float, int]]


def window(offsets: list[int], lags: list[int], every: float = 5.0) -> Commits:
    return [(offset, every * number, lag) for number, (offset, lag) in enumerate(zip(offsets, lags, strict=True))]


def moving(case: Case, step: int = 50, count: int = 10) -> list[int]:
    first = case.random.randint(1_000, 9_000)
    return [first + step * number for number in range(count)]


def judged(case: Case, commits: Commits, ends: list[int], now: float, word: str, hint: str, why: str) -> None:
    """Ask the answer, and blame `hint` for anything but `word`, which is what Burrow's rules say."""
    truth = reference.evaluate([reference.Commit(*commit) for commit in commits], ends, now)
    assert truth == word, f"{truth}, and the check says {word}"
    note(case, "committed offsets: " + " ".join(str(offset) for offset, _, _ in commits))
    note(case, "lag at the commit: " + " ".join(str(lag) for _, _, lag in commits))
    note(case, f"commits from {commits[0][1]:g} to {commits[-1][1]:g} s; now {now:g} s")
    note(case, "ends of the log lately: " + " ".join(map(str, ends)))
    got = case.call("health", list(commits), list(ends), now, node="group")
    if not isinstance(got, str) or got not in WORDS:
        case.blame("NO_WORD", f"`health` returned {describe(got)}, and none of {', '.join(WORDS)}")
    if got != word:
        if word == "STALL" and got == "WARN":
            hint = "MISSES_STALL"
        if got == "REWIND" and hint == "STALL_THOUGH_MOVING":
            hint = "REWIND_THAT_RETURNED"
        case.blame(hint, f"{why}: that is {word}, and `health` says {got}", *case.entries("note"))


def ten_are_enough(case: Case) -> None:
    """Blame an answer that says OK to ten commits, whatever they are."""
    offsets, lags = moving(case, 0), [1_000 + 500 * number for number in range(10)]
    ends = [offsets[-1] + 5_000] * 3
    for now in (47.0, 5_000.0):
        note(case, f"ten commits from 0 to 45 s, each of them {offsets[0]}; lag at the commit: "
                   f"{' '.join(map(str, lags))}; now {now:g} s")
        if case.call("health", window(offsets, lags), list(ends), now, node="group") != "OK":
            return
    case.blame("TEN_ARE_ENOUGH", "ten commits of one offset, and ten with an hour of silence behind them, while 5,000 "
                                 "records wait: that is STALL and STOP, and `health` says OK to both",
               *case.entries("note"))


@q3.check("fewer than ten commits are no verdict, and ten are one", histories=3)
def too_few(case: Case):
    if turn(case, 3) == 2:
        ten_are_enough(case)
        return
    count = case.pick(2, 9)
    offsets = moving(case, 0, count)
    judged(case, window(offsets, [40 + 9 * number for number in range(count)]), [offsets[-1] + 90], 5.0 * count, "OK",
           "TOO_EARLY", f"there are only {count} commits")


@q3.check("no lag now, no illness", histories=3)
def no_lag(case: Case):
    offsets = moving(case, 0)
    if turn(case, 3) == 2:
        judged(case, window(offsets, [30] * 10), [offsets[-1] - 9, offsets[-1] - 4], 46.0, "OK", "LAG_OF_THEN",
               "the last commit is newer than the newest end that was looked up, so nothing is waiting now")
        return
    judged(case, window(offsets, [30] * 10), [offsets[-1]] * 3, 5_000.0 if turn(case, 2) else 46.0, "OK",
           "LAG_OF_THEN", "the end of the log is where the group stands, so nothing is waiting now")


@q3.check("a large lag that shrinks is well, a small one that stands is not", histories=4)
def no_thresholds(case: Case):
    if turn(case, 2):
        offsets, small = moving(case, 0), case.random.randint(1, 9)
        judged(case, window(offsets, [small] * 10), [offsets[-1] + small] * 3, 47.0, "STALL", "RAW_OFFSETS",
               f"the same offset ten times, with {small} records waiting")
    else:
        offsets = moving(case, 900)
        lags = [90_000 - 800 * number for number in range(10)]
        judged(case, window(offsets, lags), [offsets[-1] + lags[-1]] * 3, 47.0, "OK", "RAW_OFFSETS",
               "80,000 records are waiting, and they get fewer with every commit")


@q3.check("silence is measured by the group's own pace", histories=7)
def silence(case: Case):
    form = turn(case, 7)
    every = (1.0, 240.0, 5.0, 30.0, 5.0, 2.0, 20.0)[form]
    offsets, lags = moving(case), [500 - 10 * number for number in range(10)]
    spans = 9 * every
    now = spans + (spans * 0.6 if form == 1 else spans * 1.5)
    ends = [offsets[-1] + 400 + number for number in range(3)]
    if form == 5:  # one long gap among short ones
        commits = [(offset, time if number < 4 else time + 60, lag)
                   for number, (offset, time, lag) in enumerate(window(offsets, lags, every))]
        judged(case, commits, ends, commits[-1][1] + 90, "STOP", "FIXED_SILENCE",
               f"ten commits took {commits[-1][1]:g} s, and the last is 90 s ago")
        return
    if form == 6:
        judged(case, window(offsets, lags, every), ends, 2 * spans, "OK", "AS_LONG_IS_NOT_LONGER",
               f"ten commits took {spans:g} s, and the last is {spans:g} s ago, which is not longer")
        return
    if form in (2, 4):
        ends = [offsets[-1], offsets[-1], offsets[-1] + 40] if form == 2 else [offsets[-1] - 30, offsets[-1] + 25]
        judged(case, window(offsets, [*lags[:-1], 0], every), ends, now, "OK", "STOP_WHEN_IDLE",
               "it is silent, but a moment ago the end of the log was where it stands: there was nothing to commit")
        return
    judged(case, window(offsets, lags, every), ends, now, "OK" if form == 1 else "STOP", "FIXED_SILENCE",
           f"ten commits took {spans:g} s, and the last is {now - spans:g} s ago")


@q3.check("going back is an illness, unless it has come to where it was", histories=7)
def rewinds(case: Case):
    offsets = moving(case, 40)
    back = case.random.randint(3, 5)
    if turn(case, 7) == 6:  # back by far, and once more by a little, which it makes good
        offsets = [offset if number < 3 else offset - 900 for number, offset in enumerate(offsets)]
        offsets[6] = offsets[5] - 10
        lags = [400 - 10 * number for number in range(10)]
        judged(case, window(offsets, lags), [offsets[-1] + 310] * 3, 47.0, "REWIND", "MISSES_REWIND",
               "it went back at its commit 4, and is still behind where it was; that it made good a later step back is "
               "no help")
    elif turn(case, 7) == 4:  # back by a little, and behind where it was to the end
        offsets = [offset if number < 8 else offsets[7] - 90 + 5 * number for number, offset in enumerate(offsets)]
        lags = [400 - 10 * number for number in range(10)]
        judged(case, window(offsets, lags), [offsets[-1] + 310] * 3, 47.0, "REWIND", "MISSES_REWIND",
               "it went back at its commit 9, and is still behind where it was")
    elif turn(case, 7) == 5:  # back behind all ten, and made good
        offsets = [offset - 900 if number == back else offset for number, offset in enumerate(offsets)]
        lags = [300 - 10 * number for number in range(10)]
        judged(case, window(offsets, lags), [offsets[-1] + 210] * 3, 47.0, "OK", "REWIND_THAT_RETURNED",
               f"it went back at its commit {back + 1}, far, and is further than ever by now")
    elif turn(case, 2):
        offsets = [offset if number < back else offset - 60 for number, offset in enumerate(offsets)]
        lags = [300 - 10 * number for number in range(10)]
        judged(case, window(offsets, lags), [offsets[-1] + 210] * 3, 47.0, "OK", "REWIND_THAT_RETURNED",
               f"it went back at its commit {back + 1}, and is further than ever by now")
    else:
        offsets = [offset if number < back else offsets[0] - 900 + 5 * number for number, offset in enumerate(offsets)]
        lags = [0 if number < back else 1_000 - 5 * number for number in range(10)]
        judged(case, window(offsets, lags), [offsets[-1] + 955] * 3, 47.0, "REWIND", "MISSES_REWIND",
               f"it went back at its commit {back + 1}, and reads again what it had read")


@q3.check("who had caught up within the window is well", histories=2)
def caught_up(case: Case):
    lags = [20 + 15 * number for number in range(10)]
    lags[turn(case, 2) * case.random.randint(0, 3)] = 0
    if turn(case, 2):
        lags = [*range(10)]
    offsets = moving(case, 50 * turn(case, 2))
    judged(case, window(offsets, lags), [offsets[-1] + lags[-1]] * 3, 47.0, "OK", "HAD_CAUGHT_UP",
           "at one of its commits nothing was waiting")


@q3.check("the same offset is STALL, and a lag that never falls is WARN", histories=10)
def stall_and_warn(case: Case):
    form, offsets = turn(case, 5), moving(case)
    rising = [100 + (0 if number in (3, 4) else 20) * number for number in range(10)]
    rising = sorted(rising)
    if form == 0:
        judged(case, window(moving(case, 0), rising), [30_000] * 3, 47.0, "STALL", "MISSES_STALL",
               "it commits the same offset over and over")
    elif form == 3:
        offsets = [offsets[0] - (50, 30, 20)[number - 3] if 3 <= number < 6 else offsets[0] for number in range(10)]
        judged(case, window(offsets, rising), [offsets[-1] + rising[-1]] * 3, 47.0, "WARN", "STALL_THOUGH_MOVING",
               "it ends where it began, and moved in between")
    elif form in (1, 4):
        rising = [*rising[:4], rising[3], *rising[5:]] if form == 1 else [rising[5]] * 10
        judged(case, window(offsets, rising), [offsets[-1] + rising[-1]] * 3, 47.0, "WARN", "MISSES_WARN",
               "it moves, and between no two commits did the lag fall")
    else:
        rising[5] = rising[4] - 30
        judged(case, window(offsets, rising), [offsets[-1] + rising[-1]] * 3, 47.0, "OK", "WARNS_TOO_SOON",
               "the lag is higher than at first, and it fell once on the way")


@q3.check("the first rule that fits decides", histories=2)
def first_rule(case: Case):
    offsets, lags = moving(case), [300 - 10 * number for number in range(10)]
    if turn(case, 2):
        offsets = [offset if number < 4 else offset - 900 for number, offset in enumerate(offsets)]
        what = "it went back, and then fell silent"
    else:
        lags[3], what = 0, "at one of its commits nothing was waiting, and then it fell silent"
    judged(case, window(offsets, lags), [offsets[-1] + 400] * 3, 500.0, "STOP", "OTHER_ORDER",
           f"{what}: ten commits took 45 s, and the last is 455 s ago")


# --------------------------------------------------------------------------------------------- q4: a day of traffic

q4 = lab.question("q4", "How many shall run?", points=4, defines=("consumers", "decisions"))

PARTITIONS, CAPACITY, PAUSE, SLO, MINUTES = 12, 100, 30, 3, 420
"""Partitions; records a second of one consumer; seconds that a rebalance takes; minutes; minutes of a day."""
HOUR, LATE, REBALANCE, BOUND = 2, 4, 3, 1.4
"""Euros, and how many times the reference's bill passes."""


class Row(NamedTuple):
    """What a minute ended with."""

    running: int
    changed: bool
    late: bool
    lags: list[int]
    arrivals: list[int]


@lru_cache(maxsize=100)
def make_day(kind: str, seed: int | str) -> dict[str, list]:
    """Records by minute and partition, and the minutes in which the database behind the consumers is down."""
    chance = Random(f"{kind}/{seed}")
    weights = [chance.uniform(0.85, 1.15) for _ in range(PARTITIONS)]
    shares = [60 * weight / sum(weights) for weight in weights]
    peak, width, low = chance.randint(75, 110), chance.randint(45, 55), chance.randint(170, 220)
    high = chance.randint(400, 470) if kind in ("hot", "burst") else chance.randint(680, 780)
    begin, hot = chance.randint(210, 270), chance.randrange(PARTITIONS)
    arrivals = []
    for minute in range(MINUTES):
        rate = low + (high - low) * math.exp(-((minute - peak) / width) ** 2)
        if kind == "burst" and begin <= minute < begin + 45:
            rate *= 3.6
        came = [rate * share for share in shares]
        if kind == "hot" and begin <= minute < begin + 120:
            came[hot] = 60 * 82
        arrivals.append([round(count * chance.uniform(0.9, 1.1)) for count in came])
    down = peak + chance.randint(35, 50)
    return {"arrivals": arrivals, "down": [*range(down, down + 30)] if kind == "outage" else []}


def play(day: dict[str, list], consumers) -> list[Row]:
    """The day, minute by minute. `consumers(seen)` says how many run in the next one."""
    arrivals, down = day["arrivals"], set(day["down"])
    lags, recent, running, since, rows = [0] * PARTITIONS, [0] * PARTITIONS, 6, 60, []
    for minute, came in enumerate(arrivals):
        before = arrivals[max(0, minute - 1)]
        asked = consumers({"lags": list(lags), "arrivals": [count / 60 for count in before], "running": running,
                           "since": since, "partitions": PARTITIONS})
        since = since + 1 if asked == running else 0
        running = asked
        seconds = 0 if minute in down else 60 if since else 60 - PAUSE
        lags = [lag + new for lag, new in zip(lags, came, strict=True)]
        for first in range(min(running, PARTITIONS)):
            waiting = sum(lags[first::running])
            left = max(0.0, 1 - CAPACITY * seconds / waiting) if waiting else 0.0
            for number in range(first, PARTITIONS, running):
                lags[number] = round(lags[number] * left) if left else 0
        gone = arrivals[minute - SLO] if minute >= SLO else [0] * PARTITIONS
        recent = [count + new - old for count, new, old in zip(recent, came, gone, strict=True)]
        late = any(lags) and any(lag > new for lag, new in zip(lags, recent, strict=True))
        rows.append(Row(running, since == 0, late, list(lags), came))
    return rows


class Bill(NamedTuple):
    hours: float
    late: int
    rebalances: int

    @property
    def euros(self) -> float:
        return self.hours * HOUR + self.late * LATE + self.rebalances * REBALANCE


def bill_of(rows: list[Row]) -> Bill:
    return Bill(sum(row.running for row in rows) / 60, sum(row.late for row in rows), sum(row.changed for row in rows))


def needed(seen: dict[str, Any], headroom: float) -> int:
    """The fewest consumers of which the busiest keeps up, and works off its lag within ten minutes."""
    work = [rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"], strict=True)]
    count = max(1, min(seen["partitions"], math.ceil(sum(work) / CAPACITY)))
    while count < seen["partitions"] and max(sum(work[first::count]) for first in range(count)) > CAPACITY:
        count += 1
    return count


def policy(seen: dict[str, Any]) -> int:
    """The reference: up at once, with 10 % to spare; down after a quarter of an hour, with 30 %."""
    if (up := needed(seen, 1.1)) > seen["running"] or seen["since"] < 15:
        return max(up, seen["running"])
    return min(seen["running"], needed(seen, 1.3))


@lru_cache(maxsize=100)
def reference_bill(kind: str, seed: int) -> Bill:
    return bill_of(play(make_day(kind, seed), policy))


def clock(minute: int) -> str:
    return f"{10 + minute // 60:02}:{minute % 60:02}"


def show_minutes(case: Case, rows: list[Row], at: list[int]) -> list[int]:
    """A line of the history for each of those minutes."""
    lines = []
    for minute in sorted({min(max(0, one), len(rows) - 1) for one in at}):
        row, before = rows[minute], rows[max(0, minute - 1)].running
        worst = max(range(PARTITIONS), key=row.lags.__getitem__)
        count = f"{before} → {row.running}" if row.running != before else str(row.running)
        lines.append(note(case, f"{clock(minute)}  consumers {count}, {sum(row.arrivals) / 60:.0f}/s come in, worst: "
                                f"partition {worst} with {row.lags[worst]:,}{', late' if row.late else ''}"))
    return lines


def changes_of(rows: list[Row]) -> list[tuple[int, int]]:
    """(minute, by how many) of each change."""
    return [(minute, rows[minute].running - rows[minute - 1].running if minute else rows[0].running - 6)
            for minute in range(len(rows)) if rows[minute].changed]


def climb_of(changes: list[tuple[int, int]]) -> list[int]:
    """The minutes of the longest climb by one or two, each step within ten minutes of the one before."""
    best, climb = [], []
    for minute, by in changes:
        small = by in (1, 2)
        climb = [*climb, minute] if small and climb and minute - climb[-1] <= 10 else [minute] * small
        best = max(best, climb, key=len)
    return best


def over_by_itself(row: Row) -> bool:
    """All consumers together could keep up, and the busiest of them cannot."""
    load = [sum(row.arrivals[first::row.running]) for first in range(row.running)]
    return sum(load) <= row.running * CAPACITY * 60 * 0.97 and max(load) > CAPACITY * 60


def cause(rows: list[Row], extra: Bill) -> tuple[str, str, list[int]]:
    """Why a bill is high: the hint, a sentence, and the minutes that show it. `extra`: what it has over the
    reference's; the largest part of that is what is looked at."""
    changes = changes_of(rows)
    climb, late = climb_of(changes), [minute for minute, row in enumerate(rows) if row.late]
    by_late, by_changes = extra.late * LATE, extra.rebalances * REBALANCE
    if by_changes >= max(by_late, extra.hours * HOUR) or (by_late > extra.hours * HOUR and len(changes) > 120):
        if len(climb) >= 5 and len(climb) * 5 >= len(changes):
            return one_step(climb)
        downs = [minute for at, (minute, by) in enumerate(changes[1:]) if by < 0 < changes[at][1]
                 and minute - changes[at][0] < 15]
        around = range(downs[len(downs) // 2] - 4, downs[len(downs) // 2] + 2) if downs else [m for m, _ in changes[:6]]
        turns = sum(by * before < 0 for (_, before), (_, by) in pairwise(changes))
        how = f"{len(downs)} times down less than 15 minutes after it had gone up" if downs else \
            f"and turned round {turns} times"
        return "FLAPS", f"it changed the number {len(changes)} times, {how}", [*around]
    if by_late > extra.hours * HOUR:
        if len(climb) >= 4 and 2 * sum(climb[0] <= minute <= climb[-1] + 15 for minute in late) > len(late):
            return one_step(climb)
        if sum(map(over_by_itself, (rows[minute] for minute in late))) * 5 > 2 * len(late):
            at = next(minute for minute in late if over_by_itself(rows[minute]))
            load = max(sum(rows[at].arrivals[first::rows[at].running]) for first in range(rows[at].running)) / 60
            return "BUSIEST_IS_HIDDEN", (
                f"at {clock(at)} {rows[at].running} consumers could do {rows[at].running * CAPACITY}/s and "
                f"{sum(rows[at].arrivals) / 60:.0f}/s came in, but the busiest got {load:.0f}/s"), [
                at - 10, at, at + 10]
        shrinking = [minute for minute, by in changes if by < 0 and minute and rows[minute - 1].late]
        if shrinking:
            at = shrinking[0]
            return "DOWN_IN_A_DRAIN", (
                f"at {clock(at)} it went from {rows[at - 1].running} to {rows[at].running} while the group was late"), [
                at - 10, at - 1, at, at + 10, at + 30]
        return "REACTS_TOO_LATE", (f"{len(late)} minutes were late, the first at {clock(late[0])}"), [
            late[0] - 8, late[0] - 5, late[0] - 2, late[0], late[0] + 3]
    if not any(by < 0 for _, by in changes):
        return "NEVER_DOWN", (f"it reached {rows[-1].running} consumers and stayed there to the end"), [
            changes[-1][0] if changes else 0, 200, 300, 419]
    share = [minute for minute, row in enumerate(rows)
             if max(sum(row.arrivals[first::row.running]) for first in range(row.running)) < CAPACITY * 30]
    return "OVERPAYS", (f"for {len(share)} minutes even its busiest consumer had less than half of its work to do"), [
        share[len(share) * part // 4] for part in range(4)] if share else [100, 200, 400]


def one_step(climb: list[int]) -> tuple[str, str, list[int]]:
    return "ONE_STEP_AT_A_TIME", (f"from {clock(climb[0])} to {clock(climb[-1])} it took {len(climb)} small steps up, "
                                  f"and stopped everybody {len(climb)} times"), climb[:8]


def a_day(case: Case, kind: str, name: str) -> None:
    """Let the answer work through a day, and blame it if its bill is too high."""
    seed = case.world.seed
    day = make_day(kind, seed)
    asked = case.call("decisions", json.dumps(day), node="group")
    if not isinstance(asked, list | tuple) or len(asked) != MINUTES or not all(
            isinstance(count, int) and not isinstance(count, bool) and count >= 1 for count in asked):
        case.blame("GIVEN_CHANGED", f"`decisions` has to return {MINUTES} whole numbers, and returned "
                                    f"{describe(asked)}")
    said_by_minute = iter(asked)
    rows = play(day, lambda seen: next(said_by_minute))
    most = max(range(MINUTES), key=asked.__getitem__)
    if asked[most] > PARTITIONS:
        case.blame("BEYOND_THE_PARTITIONS", f"at {clock(most)} it asked for {asked[most]} consumers, and there are "
                                            f"{PARTITIONS} partitions", *show_minutes(case, rows, [most - 1, most]))
    mine, theirs = bill_of(rows), reference_bill(kind, seed)
    if mine.euros <= theirs.euros * BOUND:
        return
    extra = Bill(mine.hours - theirs.hours, mine.late - theirs.late, mine.rebalances - theirs.rebalances)
    hint, why, minutes = cause(rows, extra)
    lines = show_minutes(case, rows, minutes)
    for who, bill in (("reference", theirs), ("yours", mine)):
        lines.append(note(case, f"{who}: {bill.hours:.0f} consumer hours, {bill.late} late minutes, {bill.rebalances} "
                                f"rebalances: {bill.euros:.0f} €"))
    case.blame(hint, f"{name}: your bill is {mine.euros:.0f} €, and up to {theirs.euros * BOUND:.0f} € passes; "
                     f"{why}", *lines)


@q4.check("the number is whole, at least 1, and no more than the partitions", histories=6)
def a_number_that_can_be(case: Case):
    form, partitions = turn(case, 3), case.random.choice((4, 8, 12))
    rate, lag = ((0, 0), (200, 90_000), (70, 2_000))[form]
    seen = {"lags": [lag + case.random.randint(0, lag // 9 + 1) for _ in range(partitions)],
            "arrivals": [float(rate)] * partitions, "running": (1, partitions, 2)[form], "since": 40,
            "partitions": partitions}
    note(case, f"{partitions} partitions, each with {rate}/s and a lag from {lag:,} on; {seen['running']} running")
    got = case.call("consumers", seen, node="group")
    if not isinstance(got, int) or isinstance(got, bool):
        case.blame("NO_WHOLE_NUMBER", f"`consumers` returned {describe(got)}", *case.entries("note"))
    if got < 1:
        case.blame("NOBODY_RUNS", f"`consumers` returned {got}, and then nobody reads what comes next",
                   *case.entries("note"))
    if got > partitions:
        case.blame("BEYOND_THE_PARTITIONS", f"{got} consumers were asked for, and this group has {partitions} "
                                            "partitions",
                   *case.entries("note"))


@q4.check("a decision knows what has been, and nothing of what will come", histories=1)
def no_foresight(case: Case):
    day = make_day("plain", case.world.seed)
    until = case.random.randint(230, 290)
    other = [[count * 3 for count in came] if minute >= until else came for minute, came in enumerate(day["arrivals"])]
    asked = [case.call("decisions", json.dumps({"arrivals": arrivals, "down": []}), node=node)
             for node, arrivals in (("group", day["arrivals"]), ("another group", other))]
    if not all(isinstance(one, list | tuple) and len(one) == MINUTES for one in asked):
        case.blame("GIVEN_CHANGED", f"`decisions` has to return {MINUTES} whole numbers, and returned "
                                    f"{describe(asked[0])}")
    apart = next((minute for minute in range(until + 1) if asked[0][minute] != asked[1][minute]), None)
    if apart is not None:
        case.blame("GIVEN_CHANGED", f"two days are alike until {clock(until)}, and for {clock(apart)} "
                                    f"{describe(asked[0][apart])} was asked for on one and {describe(asked[1][apart])} "
                                    "on the other: nobody can know that yet")


@q4.check("a plain day is paid within the bound", histories=1)
def plain_day(case: Case):
    a_day(case, "plain", "a plain day")


@q4.check("a day with a hot partition is", histories=1)
def hot_day(case: Case):
    a_day(case, "hot", "a day with a hot partition")


@q4.check("a day with a burst is", histories=1)
def burst_day(case: Case):
    a_day(case, "burst", "a day with a burst")


@q4.check("a day with an outage is", histories=1)
def outage_day(case: Case):
    a_day(case, "outage", "a day on which the database was down for half an hour")
