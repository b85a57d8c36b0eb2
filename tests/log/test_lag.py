"""Lag by its public names: Burrow's rules at their borders, time lag against a producer of known rate, the table."""

from __future__ import annotations

import math
import subprocess
import sys
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.log.lag import (
    WINDOW,
    Commit,
    Health,
    LagRow,
    Points,
    Window,
    describe,
    drain_time,
    evaluate,
    evaluate_group,
    lag_frame,
    lag_of,
    time_lag,
)


def window(offsets, lags, every=10.0):
    """Ten commits, one every 10 s: at 0, 10, ... 90 s."""
    return [Commit(offset, i * every, lag) for i, (offset, lag) in enumerate(zip(offsets, lags, strict=True))]


STEADY = list(range(100, 1100, 100))  # 100, 200, ... 1000
GROWING = list(range(10, 110, 10))
SHRINKING = GROWING[::-1]
BACK_AND_FORTH = [100, 200, 300, 250, 280, 300, 400, 500, 600, 700]
FELL_BACK = [100, 200, 300, 400, 500, 600, 700, 100, 200, 300]

# --------------------------------------------------------------------------------------------------- Burrow's rules

CASES = [
    # what decides, offsets, lags, ends, now, verdict
    ("lag grows from commit to commit", STEADY, GROWING, [1100], 100, "WARN"),
    ("lag stays the same", STEADY, [50] * 10, [1050], 100, "WARN"),
    ("lag fell once", STEADY, [10, 20, 30, 40, 50, 49, 60, 70, 80, 90], [1090], 100, "OK"),
    ("lag fell once, and then by one", STEADY, [10] * 9 + [9], [1009], 100, "OK"),
    ("lag was zero once", STEADY, [10, 20, 30, 0, 50, 60, 70, 80, 90, 100], [1100], 100, "OK"),
    ("lag was one at least", STEADY, [1] * 10, [1001], 100, "WARN"),
    ("no lag now", STEADY, GROWING, [1000], 100, "OK"),
    ("a lag of one now", STEADY, GROWING, [1001], 100, "WARN"),
    ("no lag once, but with the newest end", STEADY, GROWING, [1000, 1100], 100, "WARN"),
    ("the end was cut back to the commit", STEADY, GROWING, [1100, 1000], 100, "OK"),
    ("the commit is beyond the end seen", STEADY, GROWING, [990], 1000, "OK"),
    ("the same offset ten times", [500] * 10, GROWING, [600], 100, "STALL"),
    ("the same offset, though the lag shrinks", [500] * 10, SHRINKING, [600], 100, "STALL"),
    ("one offset differs", [499] + [500] * 9, GROWING, [600], 100, "WARN"),
    ("it begins and ends at one offset", [500] * 4 + [400] + [500] * 5, GROWING, [600], 100, "WARN"),
    ("the same offset, but the lag was zero", [500] * 10, [0, *GROWING[1:]], [600], 100, "OK"),
    ("silent for as long as the window took", STEADY, SHRINKING, [1010], 180, "OK"),
    ("silent for longer than the window took", STEADY, SHRINKING, [1010], 180.001, "STOP"),
    ("silent, and the lag was zero long ago", STEADY, [0] * 10, [1010], 181, "STOP"),
    ("silent, but lately there was nothing to read", STEADY, SHRINKING, [1000, 1010], 181, "OK"),
    ("silent, and the end was one beyond all the time", STEADY, SHRINKING, [1001, 1010], 181, "STOP"),
    ("silent, but no lag", STEADY, SHRINKING, [1000], 181, "OK"),
    ("it went back for good", FELL_BACK, SHRINKING, [900], 100, "REWIND"),
    ("it went back, and the lag was zero before", FELL_BACK, [0] * 10, [900], 100, "REWIND"),
    ("it went back and returned to where it was", BACK_AND_FORTH, GROWING, [800], 100, "WARN"),
    ("it came back to one short", [100, 200, 300, 250, 299, 299, 299, 299, 299, 299], GROWING, [900], 100, "REWIND"),
    ("it came back exactly", [100, 200, 300, 250, 300, 300, 300, 300, 300, 300], GROWING, [900], 100, "WARN"),
    ("the first step back is made good, the second is not", [100, 90, 100, 200, 300, 150, 160, 170, 180, 190], GROWING,
     [900], 100, "REWIND"),
    ("the last commit went back", [*STEADY[:9], 899], GROWING, [1100], 100, "REWIND"),
    ("it went back, but has no lag now", [*STEADY[:9], 899], GROWING, [899], 100, "OK"),
]


@pytest.mark.parametrize(("offsets", "lags", "ends", "now", "verdict"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])
def test_the_rule_that_decides(offsets, lags, ends, now, verdict):
    assert evaluate(window(offsets, lags), ends, now) == verdict


# Each window breaks two rules; the first in Burrow's order decides. Without that rule it is the other.
ORDER = [
    ("STOP before REWIND", window(FELL_BACK, GROWING), 181, "STOP", 180, "REWIND"),
    ("STOP before STALL", window([500] * 10, GROWING), 181, "STOP", 180, "STALL"),
    ("STOP before WARN", window(STEADY, GROWING), 181, "STOP", 180, "WARN"),
]


@pytest.mark.parametrize(("commits", "late", "first", "early", "second"), [case[1:] for case in ORDER],
                         ids=[case[0] for case in ORDER])
def test_stop_comes_first(commits, late, first, early, second):
    assert evaluate(commits, [2000], late) == first
    assert evaluate(commits, [2000], early) == second


def test_rewind_comes_before_the_look_at_zero_lag_and_stop_does_too():
    caught_up_once = window(FELL_BACK, [0] * 10)
    assert evaluate(caught_up_once, [2000], 100) == Health.REWIND
    assert evaluate(caught_up_once, [2000], 181) == Health.STOP
    assert evaluate(window([500] * 10, [0] * 10), [2000], 100) == Health.OK  # STALL and WARN come after it


def test_rewind_comes_before_warn_and_stall_before_warn():
    assert evaluate(window(FELL_BACK, GROWING), [2000], 100) == Health.REWIND
    assert evaluate(window([500] * 10, GROWING), [2000], 100) == Health.STALL


@pytest.mark.parametrize(("allowed", "now_end", "verdict"), [(99, 1100, "WARN"), (100, 1100, "OK"), (100, 1101, "OK")])
def test_allowed_lag_is_no_lag(allowed, now_end, verdict):
    """Both ways: the lag of now, and a lag of the window that counts as caught up."""
    lags = [lag + 90 for lag in GROWING]  # 100, 110, ... 190
    assert evaluate(window(STEADY, lags), [now_end], 100, allowed=allowed) == verdict


def test_with_an_allowed_lag_now_nothing_else_is_looked_at():
    silent = window([500] * 10, [200] * 10)
    assert [evaluate(silent, [600], 181, allowed=allowed) for allowed in (99, 100)] == ["STOP", "OK"]
    assert [evaluate(silent, [600], 100, allowed=allowed) for allowed in (99, 100)] == ["STALL", "OK"]


def test_the_window_must_be_full():
    stalled = window([500] * 10, GROWING)
    assert evaluate(stalled, [600], 100) == "STALL"
    assert evaluate(stalled[1:], [600], 100) == "OK"
    assert evaluate(stalled[1:], [600], 100, minimum=9) == "STALL"
    assert evaluate([], [600], 100, minimum=0) == "OK"
    assert evaluate(stalled[:1], [600], 5, minimum=0) == "STOP"  # why evlab asks for the whole window


def test_only_the_last_ten_commits_count():
    earlier = [Commit(5000, -10.0, 0)]  # with it: caught up once, and gone back
    assert evaluate(earlier + window(STEADY, GROWING), [1100], 100) == "WARN"


def test_unknown_lags_are_passed_over():
    lags = [None, 50, None, 40, None, 60, 70, 80, None, None]
    assert evaluate(window(STEADY, lags), [1100], 100) == "OK"  # it fell from 50 to 40
    assert evaluate(window(STEADY, [None] * 10), [1100], 100) == "WARN"
    assert evaluate(window([500] * 10, [None] * 10), [600], 100) == "STALL"


def test_ends_are_offsets_or_points():
    points = Points()
    points.add(1000, 50.0)
    points.add(1010, 90.0)
    assert evaluate(window(STEADY, SHRINKING), points, 181) == "OK"
    assert evaluate(window(STEADY, SHRINKING), [(1001, 50.0), (1010, 90.0)], 181) == "STOP"


def test_without_an_end_the_last_lag_counts():
    assert evaluate(window(STEADY, GROWING), [], 100) == "WARN"
    assert evaluate(window(STEADY, [*GROWING[:9], 0]), [], 181) == "OK"
    assert evaluate(window(STEADY, [*GROWING[:9], None]), [], 181) == "OK"


def test_plain_tuples_are_commits():
    assert evaluate([(500, i * 10.0, 100) for i in range(10)], [600], 100) == "STALL"


@given(st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 5))), min_size=10, max_size=10),
       st.lists(st.integers(0, 40), max_size=3), st.integers(90, 200), st.integers(0, 3), st.integers(0, 10**12))
def test_adding_a_constant_to_all_offsets_changes_nothing(pairs, ends, now, allowed, constant):
    offsets, lags = zip(*pairs, strict=True)
    moved = [offset + constant for offset in offsets], [end + constant for end in ends]
    assert (evaluate(window(offsets, lags), ends, now, allowed=allowed)
            == evaluate(window(moved[0], lags), moved[1], now, allowed=allowed))


@given(st.integers(0, 2**32), st.integers(10, 40))
def test_a_consumer_that_keeps_up_is_ok_at_every_moment(seed, rounds):
    """A burst each second, all of it read before the next. `now` runs on between the commits."""
    chance, seen, points, end = Random(seed), Window(), Points(), 0
    for second in range(rounds):
        end += chance.choice([0, 1, 5, 1000])
        points.add(end, float(second))
        assert evaluate(seen, points, float(second)) == "OK"
        seen.add(end, second + 0.5, 0)
        assert evaluate(seen, points, second + 0.5) == "OK"


@given(st.integers(1, 50), st.integers(1, 50))
def test_a_consumer_slower_than_the_producer_gets_a_warning_and_one_that_catches_up_does_not(arrivals, served):
    seen, end, committed = Window(), 10_000, 1000
    for second in range(30):
        end, committed = end + arrivals, committed + served
        seen.add(committed, float(second), end - committed)
    assert evaluate(seen, [end], 30.0) == ("OK" if served > arrivals else "WARN")


def test_health_compares_and_prints_as_its_word():
    assert Health.STALL == "STALL" and f"{Health.STOP} {Health.OK}" == "STOP OK"
    assert repr([Health.OK, Health.REWIND]) == "[OK, REWIND]" and {Health.WARN: 1}["WARN"] == 1


@pytest.mark.parametrize(("healths", "verdict"), [
    ([], "OK"), (["OK", "OK"], "OK"), (["OK", "WARN"], "WARN"), (["WARN", "STALL"], "ERR"), (["STOP", "OK"], "ERR"),
    (["REWIND"], "ERR"), (["ERR", "WARN"], "ERR"), ([Health.WARN, Health.OK], "WARN"),
])
def test_the_health_of_a_group(healths, verdict):
    assert evaluate_group(healths) is Health(verdict)
    assert evaluate_group(reversed(healths)) is Health(verdict)


def test_a_window_keeps_the_last_ten_and_ignores_what_was_overtaken():
    seen = Window()
    for i in range(12):
        seen.add(i * 10, float(i), 5)
    seen.add(7, 3.0, 5)
    assert len(seen) == WINDOW == 10
    assert list(seen) == [Commit(i * 10, float(i), 5) for i in range(2, 12)]
    seen.add(7, 11.0)  # as late as the newest is not overtaken
    assert list(seen)[-1] == Commit(7, 11.0, None)


# --------------------------------------------------------------------------------------------------------- time lag

LINE = [(100, 100.0), (200, 200.0)]


@pytest.mark.parametrize("offset", [150, 190, 110, 100, 10, 0])
def test_an_offset_is_as_old_as_the_line_through_the_points_says(offset):
    """One record a second, so an offset is its time; below 100 the line is carried on into the past."""
    assert time_lag(LINE, offset, 250.0) == pytest.approx(250 - offset)


def test_on_a_flat_stretch_the_later_end_counts():
    points = Points()
    for offset, time in [(100, 30), (200, 60), (200, 120), (200, 700), (300, 730), (300, 9000), (400, 9030)]:
        points.add(offset, time)
    expected = {199: 59.7, 200: 700, 201: 700.3, 250: 715, 299: 729.7, 300: 9000, 301: 9000.3}
    assert {offset: 9040 - time_lag(points, offset, 9040) for offset in expected} == pytest.approx(expected)


def test_older_than_all_points_reckons_with_the_average_of_all():
    """10 records a second, then 90: on average 50. Offset 0 is 100 records before the oldest point, so 2 s."""
    assert time_lag([(100, 0.0), (110, 1.0), (200, 2.0)], 0, 2.0) == pytest.approx(4.0)


@pytest.mark.parametrize("committed", [200, 201, 10**12])
def test_no_time_lag_at_the_newest_end_or_beyond_it(committed):
    assert time_lag(LINE, committed, 10_000.0) == 0.0
    assert time_lag(LINE[1:], committed, 10_000.0) == 0.0  # known even from one point
    assert time_lag([(200, 1.0), (200, 2.0)], committed, 10_000.0) == 0.0


@pytest.mark.parametrize(("points", "committed"), [
    ([], 0), ([(200, 200.0)], 199), ([(200, 100.0), (200, 200.0)], 199), (LINE, None), ([], None),
], ids=["no point", "one point", "flat line", "no commit", "nothing"])
def test_unknown_is_nan(points, committed):
    assert math.isnan(time_lag(points, committed, 300.0))


def test_time_lag_is_never_negative():
    """A clock that is asked before the newest point was taken."""
    assert time_lag(LINE, 199, 150.0) == 0.0


@given(st.floats(0.5, 1000), st.floats(0, 100), st.integers(2, 60), st.floats(0.1, 30))
@example(rate=10.0, behind=7.0, polls=20, interval=1.0)
def test_a_steady_producer_and_a_consumer_a_known_time_behind(rate, behind, polls, interval):
    """Within the points and beyond them: at a steady rate the estimate is right but for the rounding to whole offsets.

    The end at time t is floor(start + rate * t). Each of the three offsets that the estimate uses is off by less than
    one record, and carrying the line on multiplies that by how many times the points' span it goes back.
    """
    start, points = 200_000, Points()
    for poll in range(polls):
        points.add(math.floor(start + rate * poll * interval), poll * interval)
    now = (polls - 1) * interval
    line = list(points)
    committed = math.floor(start + rate * (now - behind))
    found = time_lag(points, committed, now)
    if committed >= line[-1].offset:
        assert found == 0.0 and behind * rate < 2
    elif line[0].offset == line[-1].offset:
        assert math.isnan(found)
    elif committed >= line[0].offset:
        assert abs(found - behind) <= 3 / rate + 1e-6
    else:
        records = line[-1].offset - line[0].offset
        stretch = (line[-1].offset - committed) / records
        assert abs(found - behind) <= (2 + 2 * stretch) / rate + 1e-6 + behind * 1e-9


def test_a_burst_and_a_quiet_time_are_told_apart():
    """A hundred records in the first second, then one a second. Offset lag 60 is a minute, and 110 is a minute more."""
    points = Points()
    for second in range(121):
        points.add(100 + second if second else 0, float(second))
    assert time_lag(points, 220 - 60, 120.0) == pytest.approx(60)
    assert time_lag(points, 220 - 119, 120.0) == pytest.approx(119)
    assert len(points) == 60


def test_points_drop_the_middle_of_a_flat_stretch_and_what_is_out_of_order():
    points = Points(most=4)
    for offset, time in [(5, 1), (5, 2), (5, 3), (4, 4), (6, 3), (6, 2), (5, 4), (6, 5)]:
        points.add(offset, time)
    assert list(points) == [(5, 1), (5, 4), (6, 5)]
    for second in range(6, 12):
        points.add(second + 1, second)
    assert list(points) == [(9, 8), (10, 9), (11, 10), (12, 11)] and len(points) == 4


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=40), st.integers(2, 6))
def test_points_are_bounded_in_order_and_hold_the_newest(added, most):
    points, newest = Points(most), None
    for offset, time in added:
        points.add(offset, time)
        if newest is None or (time > newest[1] and offset >= newest[0]):
            newest = (offset, time)
    line = list(points)
    assert len(line) <= most and (line[-1] if line else None) == newest
    for left, right in zip(line, line[1:], strict=False):
        assert left.time < right.time and left.offset <= right.offset
    assert all(len({point.offset for point in line[i:i + 3]}) > 1 for i in range(len(line) - 2))


# -------------------------------------------------------------------------------------------- numbers and the table


@pytest.mark.parametrize(("arguments", "lag"), [
    ((90, 100, 0), 10), ((100, 100, 0), 0), ((101, 100, 0), 0), ((None, 100, 30), 70), ((90, 100, 0, 97), 3),
    ((None, 100, 30, 97), 3), ((90, 100, 0, 101), 0), ((0, 100, 30), 100), ((90, 100, 0, 0), 100), ((None, 0, 0), 0),
    ((None, 10, 20), 0),
])
def test_lag_of(arguments, lag):
    assert lag_of(*arguments) == lag


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9)))
def test_lag_is_never_negative(committed, end, start, position):
    assert lag_of(committed, end, start, position) >= 0 and lag_of(None, end, start, position) >= 0


@pytest.mark.parametrize(("lag", "arrivals", "served", "seconds"), [
    (1200, 100, 120, 60.0), (1200, 120, 100, math.inf), (1200, 100, 100, math.inf), (0, 120, 100, 0.0),
    (0, 100, 100, 0.0), (50, 0, 100, 0.5), (50, 0, 0, math.inf),
])
def test_drain_time(lag, arrivals, served, seconds):
    assert drain_time(lag, arrivals, served) == seconds


ROWS = [LagRow("orders", 10, 42, 42, 0, 0.0, "consumer-2"), LagRow("orders", 2, None, 7, None, math.nan, None),
        LagRow("emails", 0, 3, 12345, 12342, 61.5, "consumer-1")]


def test_the_table_of_kafka_consumer_groups():
    assert describe("billing", ROWS) == """\
GROUP    TOPIC   PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG    CONSUMER-ID
billing  emails  0          3               12345           12342  consumer-1
billing  orders  2          -               7               -      -
billing  orders  10         42              42              0      consumer-2"""


def test_a_line_with_names_as_in_this_course_fits_on_a_narrow_page():
    rows = [LagRow("order-events", 11, 1_234_567, 1_302_468, 67_901, 4.0, "inventory-2-1")]
    assert max(map(len, describe("inventory", rows).splitlines())) <= 88


def test_the_table_grows_with_long_names_and_stays_aligned():
    rows = [row._replace(topic="a-topic-with-a-long-name", member=row.member and row.member * 5) for row in ROWS]
    header, *lines = describe("a-group-with-a-long-name", rows).splitlines()
    for title in header.split():
        place = header.index(title)
        assert all(line[place - 1:place] in ("", " ") and line[place] != " " for line in lines)


def test_the_table_of_no_rows_is_its_header():
    assert describe("billing", []).split() == ["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG",
                                               "CONSUMER-ID"]


def test_the_frame_has_plain_types_and_nan_for_unknown():
    frame = lag_frame(ROWS)
    types = {"topic": "object", "partition": "int64", "committed": "float64", "end": "int64", "lag": "float64",
             "time_lag": "float64", "member": "object"}
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == types
    assert list(frame["partition"]) == [10, 2, 0] and frame["lag"].sum() == 12342 and frame["lag"].isna().sum() == 1
    assert list(frame["member"]) == ["consumer-2", None, "consumer-1"]
    assert {name: str(dtype) for name, dtype in lag_frame([]).dtypes.items()} == types


def test_pandas_loads_only_for_a_frame():
    code = ("import sys, evlab.log.lag as lag; assert 'pandas' not in sys.modules; lag.lag_frame([]);"
            " assert 'pandas' in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# -------------------------------------------------------------------------------------------------------- bad input

FINE = window(STEADY, GROWING)


@pytest.mark.parametrize("call", [
    lambda: evaluate(FINE[::-1], [1], 100), lambda: evaluate([(1, 2, 3, 4)], [1], 100), lambda: evaluate([7], [1], 100),
    lambda: evaluate(None, [1], 100), lambda: evaluate(FINE, 1, 100), lambda: evaluate(FINE, [-1], 100),
    lambda: evaluate(FINE, ["1"], 100), lambda: evaluate(FINE, [(1, 2, 3)], 100), lambda: evaluate(FINE, [1], math.nan),
    lambda: evaluate(FINE, [1], None), lambda: evaluate(FINE, [1], 100, allowed=-1), lambda: evaluate("abc", [1], 100),
    lambda: evaluate(FINE, [1], 100, minimum=11), lambda: evaluate(FINE, [1], 100, minimum=-1),
    lambda: evaluate([(-1, 0.0, 0)], [1], 100), lambda: evaluate([(1, math.inf, 0)], [1], 100),
    lambda: evaluate([(1, 0.0, -1)], [1], 100), lambda: evaluate([(1.0, 0.0, 0)], [1], 100),
    lambda: evaluate_group(["FINE"]), lambda: evaluate_group(None), lambda: evaluate_group([[]]),
    lambda: Window().add(-1, 0.0), lambda: Window().add(1, "now"), lambda: Window().add(1, 0.0, -1),
    lambda: Points(1), lambda: Points(True), lambda: Points(2.5), lambda: Points().add(-1, 0.0),
    lambda: Points().add(1, math.nan), lambda: time_lag(LINE[::-1], 1, 1.0), lambda: time_lag(LINE, -1, 1.0),
    lambda: time_lag(LINE, 1.5, 1.0), lambda: time_lag(LINE, 1, math.nan), lambda: time_lag(7, 1, 1.0),
    lambda: time_lag([1, 2], 1, 1.0), lambda: drain_time(-1, 1, 2), lambda: drain_time(1, -1, 2),
    lambda: drain_time(1, 1, math.nan), lambda: drain_time(1, 1, math.inf), lambda: drain_time(None, 1, 2),
    lambda: lag_of(-1, 5, 0), lambda: lag_of(1, None, 0), lambda: lag_of(1, 5, -1), lambda: lag_of(1, 5, 0, -1),
    lambda: lag_of(True, 5, 0), lambda: describe(7, ROWS), lambda: describe("billing", [("orders", 1)]),
    lambda: describe("billing", None), lambda: lag_frame([None]),
])
def test_bad_input_is_refused(call):
    with pytest.raises(InvalidUse) as caught:
        call()
    assert caught.value.next_step
