"""Lag over time: each point is a sample, the worst partition stands out, events are marked, the words say the same."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest

from evlab import World
from evlab.errors import InvalidUse
from evlab.log import Consumer, Log, Producer
from evlab.viz import lag_plot
from evlab.viz.lag import MOST_TIMES, finding
from evlab.viz.theme import SKY

NAMESPACE = "{http://www.w3.org/2000/svg}"


def frame_of(what="lag", every=1.0, **lines):
    """Samples of partitions, given as p0=[...], p1=[...]: one value for each time 0, 1, 2, ..."""
    rows = [(at * every, int(name[1:]), value) for name, values in lines.items() for at, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["time", "partition", what])


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def points_of(figure, colour):
    """The points of the lines of that colour that have more than two."""
    lines = re.findall(rf'points="([^"]+)" fill="none" stroke="{colour}"', figure.svg)
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines if line.count(" ") > 1]


def rows_of(figure):
    """The table in the words, as lists of cells."""
    return [line.split() for line in figure.text.split("\n") if line.startswith("    ")]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def test_each_partition_has_a_line_with_its_name_and_where_it_ends(drawings):
    figure = lag_plot(frame_of(p0=[0, 0, 0], p1=[0, 40, 80], p2=[5, 5, 5]), title="Partition 1 falls behind")
    assert {"partition 0: 0", "partition 1: 80", "partition 2: 5", "Partition 1 falls behind"} <= set(texts_of(figure))
    assert "Highest: partition 1 with 80 at 2 s; at the end 80." in figure.alt
    assert rows_of(figure)[-1] == ["2", "s", "0", "80", "5"]
    assert clean(drawings[-1])


def test_every_point_is_a_sample_and_every_sample_is_a_point():
    values = [0, 10, 30, 20, 40, 0]
    [line] = points_of(lag_plot(frame_of(p0=values)), SKY.text)
    bottom = max(y for _, y in line)
    scale = (bottom - min(y for _, y in line)) / 40
    assert [round((bottom - y) / scale) for _, y in line] == values
    assert len({round(b[0] - a[0]) for a, b in zip(line, line[1:], strict=False)}) == 1


def test_the_partition_with_the_highest_point_is_hatched_and_drawn_with_a_thick_line():
    figure = lag_plot(frame_of(p0=[0, 5, 9], p1=[0, 90, 8]))
    area = re.search(r'<polygon points="([^"]+)" fill="url\(#hatch-', figure.svg)[1].split()
    [line] = points_of(figure, SKY.text)
    assert area[1:-1] == [f"{x:g},{y:g}" for x, y in line], "the area is that under the thick line"
    assert "Highest: partition 1 with 90" in figure.text


def test_the_sum_is_drawn_when_it_is_asked_for_and_is_never_the_worst(drawings):
    frame = frame_of(p0=[0, 30], p1=[0, 50])
    assert not any("sum" in text for text in texts_of(lag_plot(frame)))
    figure = lag_plot(frame, total=True)
    assert "sum: 80" in texts_of(figure) and rows_of(figure)[-1][-1] == "80"
    assert "Highest: partition 1" in figure.alt
    assert clean(drawings[-1])


def test_events_are_named_above_the_plot_and_a_crash_has_a_bolt(drawings):
    events = [(3, "consumer added"), (1, "email-1 killed", "crash"), (3.1, "burst ends"), (0.9, "burst begins")]
    figure = lag_plot(frame_of(p0=[0, 10, 20, 10, 0]), events=events)
    assert {"consumer added", "email-1 killed", "burst ends", "burst begins"} <= set(texts_of(figure))
    assert len(drawings[-1].solids) == 1, "one bolt"
    assert "  1 s: email-1 killed" in figure.text.split("\n") and "3 s: consumer added" in figure.alt
    assert clean(drawings[-1])


DAYS = {
    "a later line, and the words of an earlier event": [(30, "burst begins"), (60, "three more"), (80, "burst ends"),
                                                        (130, "back to one")],
    "four on a heap": [(6, "λ = 40"), (90, "email-2 killed", "crash"), (110, "email-3 added"), (120, "email-4 added"),
                       (130, "60 % on one key"), (200, "the very end of everything")],
    "at the right edge": [(190, "the import is stopped at last"), (195, "payment-1 killed", "crash"), (200, "over")],
    "one to the right of its line, under two to the left": [(140, "scaled"), (175, "m" * 60, "crash"), (180, "o" * 60)],
}


@pytest.mark.parametrize("events", DAYS.values(), ids=DAYS)
def test_no_line_of_an_event_runs_through_words(drawings, events):
    figure = lag_plot(frame_of(every=10.0, p0=[0] * 21), events=events)
    lines = [tuple(map(float, found)) for found in re.findall(
        r'<polyline points="([\d.]+),([\d.]+) [\d.]+,([\d.]+)"[^>]*stroke-dasharray="3 3"', figure.svg)]
    assert len(lines) == len(events)
    through = [(text, x) for x, top, bottom in lines for box, text in drawings[-1].words
               if box.x0 - 1 < x < box.x1 + 1 and top < box.y1 and box.y0 < bottom]
    assert through == [] and clean(drawings[-1])


def test_the_words_of_a_limit_lie_on_top_of_the_lines():
    figure = lag_plot(frame_of(p0=[60, 50, 3]), limit=40)
    assert figure.svg.index(">limit 40<") > figure.svg.rindex("<polygon")


def test_the_table_has_the_samples_at_which_something_happened():
    figure = lag_plot(frame_of(p0=range(100)), events=[(37, "added")])
    assert ["37", "s", "37"] in rows_of(figure) and len(rows_of(figure)) <= 12


def test_an_unknown_value_is_a_gap_and_never_a_nought():
    figure = lag_plot(frame_of("time_lag", p0=[math.nan, 1, 2, 3, math.nan, 5, 6, 7]), what="time_lag")
    assert [len(line) for line in points_of(figure, SKY.text)] == [3, 3]
    assert rows_of(figure)[1] == ["0", "s", "?"]
    assert "partition 0: unknown" in texts_of(lag_plot(frame_of(p0=[1, 2, math.nan])))


def test_seconds_are_called_seconds(drawings):
    figure = lag_plot(frame_of("time_lag", p3=[0, 4.5, 9]), what="time_lag", limit=30)
    assert {"partition 3: 9 s", "limit 30 s", "Seconds behind, over time in seconds"} <= set(texts_of(figure))
    assert "The limit is 30 s." in figure.alt
    assert clean(drawings[-1])


def test_times_are_written_as_a_clock_says_them_at_its_round_numbers(drawings):
    figure = lag_plot(frame_of(p0=[0, 10, 20, 0], every=1200.0), events=[(1300, "rings")],
                      clock=lambda time: f"{14 + int(time) // 3600}:{int(time) // 60 % 60:02d}")
    assert {"14:00", "14:10", "14:20", "15:00", "Records behind, over time"} <= set(texts_of(figure))
    assert "from 14:00 to 15:00" in figure.alt and "at 14:40" in figure.alt and "14:21: rings" in figure.alt
    assert rows_of(figure)[2] == ["14:20", "10"]
    assert not re.search(r"\d s\b", figure.text + figure.alt)
    assert clean(drawings[-1])


def test_of_very_many_samples_some_are_left_out_and_the_highest_is_not():
    values = [1] * 5000
    values[3333] = 977
    figure = lag_plot(frame_of(p0=values))
    [line] = points_of(figure, SKY.text)
    assert MOST_TIMES / 2 < len(line) <= MOST_TIMES + 3
    assert "with 977 at 3,333 s" in figure.text
    heights = sorted(y for _, y in line)
    assert heights[1] - heights[0] > 100, "the one high sample is drawn"


@pytest.mark.parametrize(("lines", "found"), [
    ({"p0": [0, 0], "p1": [0, 0]}, "No partition is behind"),
    ({"p0": [0, 10, 20], "p1": [0, 0, 0]}, "Partition 0 holds 100 % of the lag"),
    ({"p0": [10, 10, 10], "p1": [10, 20, 30]}, "Partition 1 holds 75 % of the lag"),
    ({"p0": [0, 20, 40, 60]}, "The lag grows by 20 a second"),
    ({"p0": [90, 60, 30]}, "The lag shrinks by 30 a second"),
    ({"p0": [0, 50, 20, 0, 0]}, "The lag peaked at 50 and was gone after 2 s"),
    ({"p0": [7, 7, 7]}, "The lag stands at 7")])
def test_without_a_title_the_finding_is_told_from_the_samples(lines, found):
    frame = frame_of(**lines)
    assert finding(frame) == found
    assert lag_plot(frame).alt.startswith(found)


def test_a_frame_of_several_topics_names_them():
    frame = frame_of(p0=[1, 2]).assign(topic="orders")
    both = pd.concat([frame, frame.assign(topic="returns")])
    assert {"orders-0: 2", "returns-0: 2"} <= set(texts_of(lag_plot(both)))


@pytest.mark.parametrize("end", [0, 4, 11])
def test_twelve_partitions_that_end_together_keep_their_names_apart(drawings, end):
    figure = lag_plot(frame_of(**{f"p{number}": [0, number, end] for number in range(12)}))
    assert {f"partition {number}: {end}" for number in range(12)} <= set(texts_of(figure))
    assert clean(drawings[-1])


@pytest.mark.parametrize("values", [[0, 1e9], [0.001, 0.002], [5], [0], [123456, 3, 99999], [2e6]])
def test_any_size_of_lag_fits(drawings, values):
    lag_plot(frame_of(p11=values, p10=values), events=[(0, "x" * 60), (0, "y" * 60, "crash"), (1, "z" * 60)], limit=7)
    assert clean(drawings[-1])


def test_foreign_texts_stay_on_the_page_as_text(drawings, hostile):
    figure = lag_plot(frame_of(p0=[0, 3]), title="Hostile " + hostile, events=[(1, hostile)])
    assert ElementTree.fromstring(figure.svg).tag == f"{NAMESPACE}svg"
    assert "<script" not in figure.html and "\u202e" not in figure.text
    assert drawings[-1].overflow() == []


def test_it_draws_what_a_log_says():
    world, frames = World(3), []
    log = Log(env=world)
    log.create_topic("orders", 2)

    def orders():
        producer = Producer(log.client("shop"))
        for number in range(20):
            producer.send("orders", b"x", partition=number % 2)
            yield 0.5

    def receipts():
        consumer = Consumer(log.client("email-1"), "email", "orders")
        while True:
            yield 3
            consumer.poll(max_records=4)
            consumer.commit()

    world.spawn(orders(), "shop"), world.spawn(receipts(), "email-1")
    for time in range(2, 12):
        world.run(until=time)
        frames.append(log.lag_frame("email").assign(time=world.now()))
    rows = rows_of(lag_plot(pd.concat(frames)))
    last = ["?" if row.lag is None else str(row.lag) for row in log.lag("email")]
    assert rows[-1] == ["11", "s", *last] and last != ["0", "0"]


def test_the_picture_is_the_same_each_time():
    def draw():
        return lag_plot(frame_of(p0=[0, 5, 9], p1=[0, 90, 8]), events=[(1, "added")], total=True).svg

    assert draw() == draw()


@pytest.mark.parametrize("arguments", [
    {"what": "offsets"}, {"events": [(1,)]}, {"events": ["killed"]}, {"events": [("x", "killed")]},
    {"events": [(n, "x") for n in range(13)]}, {"limit": -1}, {"limit": math.nan}, {"limit": "30"}])
def test_a_picture_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(InvalidUse):
        lag_plot(frame_of(p0=[1, 2]), **arguments)


@pytest.mark.parametrize("frame", [
    frame_of(), None, pd.DataFrame({"time": [1], "partition": [0]}), pd.DataFrame({"lag": [1], "partition": [0]}),
    frame_of(**{f"p{number}": [1] for number in range(13)})], ids=["empty", "none", "no lag", "no time", "13"])
def test_a_frame_that_is_none_is_refused(frame):
    with pytest.raises(InvalidUse):
        lag_plot(frame)
