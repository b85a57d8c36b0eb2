"""A figure: how it goes into a notebook."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest

from evlab import Bus, Event, EventStore, viz
from evlab.errors import InvalidUse
from evlab.saga import Saga, Step
from evlab.sim import History
from evlab.trace import trace
from evlab.viz import Figure

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="10"></svg>\n'


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def tags_of(figure):
    parser = Tags()
    parser.feed(figure._repr_mimebundle_()["text/html"])
    return parser.found


def test_it_goes_out_as_an_image_that_holds_its_picture_and_as_its_words():
    figure = Figure(SVG, "Nothing was lost.", "line one\n  line two")
    bundle = figure._repr_mimebundle_()
    assert bundle["text/plain"] == "line one\n  line two" == str(figure)
    tag, attributes = tags_of(figure)[0]
    assert tag == "img" and attributes["alt"] == "Nothing was lost." and attributes["width"] == "640"
    kind, _, data = attributes["src"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == SVG
    assert "max-width:100%" in attributes["style"]


def test_nothing_is_loaded_from_elsewhere():
    html = Figure(SVG, "alt", "text").html
    assert not re.search(r"https?:|url\(", html)
    assert {tag for tag, _ in tags_of(Figure(SVG, "alt", "text"))} == {"img", "details", "summary", "pre"}


def test_hostile_words_stay_words(hostile):
    figure = Figure(SVG, hostile + " alt", hostile + "\ntext")
    found = tags_of(figure)
    assert [tag for tag, _ in found] == ["img", "details", "summary", "pre"]
    assert found[0][1]["alt"] == figure.alt and set(found[0][1]) == {"alt", "width", "style", "src"}
    for text in figure._repr_mimebundle_().values():
        text.encode("utf-8")
        assert "\x1b" not in text and "\u202e" not in text


@pytest.mark.parametrize("parts", [("", "alt", "text"), (SVG, "  ", "text"), (SVG, "alt", ""), (SVG, None, "text")])
def test_a_figure_without_picture_alt_or_words_is_refused(parts):
    with pytest.raises(InvalidUse):
        Figure(*parts)


def test_its_repr_is_short_and_stable():
    assert repr(Figure(SVG, "Nothing was lost.", "text")) == "Figure('Nothing was lost.')"


def test_it_can_be_saved_as_svg_only(tmp_path):
    path = Figure(SVG, "alt", "text").save(tmp_path / "picture.svg")
    assert path.read_text(encoding="utf-8") == SVG
    with pytest.raises(InvalidUse, match="does not end in .svg"):
        Figure(SVG, "alt", "text").save(tmp_path / "picture.png")
    assert [file.name for file in tmp_path.iterdir()] == ["picture.svg"]


STEPS, TRACE = Saga("order", [Step("reserve", print, print)]), trace([Event(type="OrderPlaced")])


@pytest.mark.parametrize("draw", [
    lambda: viz.timeline(History(), title="t", highlight=None), lambda: viz.timeline(History(), title="t", roles=["a"]),
    lambda: viz.timeline(History(), title="t", behind=5), lambda: viz.partition_strips(None, "orders"),
    lambda: viz.topology(Bus(), title="t", lit=None), lambda: viz.topology(Bus(), title="t", producers=5),
    lambda: viz.saga_flow(None, title="t"), lambda: viz.saga_flow([5], title="t"),
    lambda: viz.saga_flow(STEPS, 5, title="t"), lambda: viz.saga_flow(STEPS, ["done"], title="t"),
    lambda: viz.trace_tree(TRACE, title="t", notes=["a"]), lambda: viz.rebalance_chart(None, title="t"),
    lambda: viz.rebalance_chart([5], title="t"), lambda: viz.crash_table(None, {"a": ""}, title="t"),
    lambda: viz.crash_table({"a": {"b": "once"}}, ["b"], title="t"), lambda: viz.stream_strips(None, title="t"),
    lambda: viz.stream_strips(EventStore(), title="t", only=5), lambda: viz.steps(None, title="t"),
    lambda: viz.steps([5], title="t"), lambda: viz.cqrs(None, title="t", end=1),
    lambda: viz.replica_logs("log", "orders"), lambda: viz.compatibility(None, title="t"),
    lambda: viz.compatibility([5], title="t"), lambda: viz.batch_bytes("bytes", title="t"),
    lambda: viz.batch_bytes(None, title="t"), lambda: viz.record_bytes(5, title="t"),
])
def test_what_no_picture_can_be_made_of_is_told(draw):
    with pytest.raises(InvalidUse) as caught:
        draw()
    assert caught.value.next_step
