"""`show`: the source as it runs, on a card that names its file and no machine."""

from __future__ import annotations

import ast
import functools
import re
from html import unescape

import pytest

from evlab.course import show
from evlab.course.source import _without_docstrings
from evlab.errors import EvlabError, InvalidUse
from evlab.sim.history import History, Operation
from evlab.viz import theme


class Sample:
    """What a sample is.

    It has two lines.
    """

    size = 3

    def empty(self):
        """Nothing but words."""

    def full(self):
        """One line."""

        # why this is so
        return "text with a # sign"

    @property
    def half(self):
        """A half."""
        return self.size / 2

    @staticmethod
    def still():
        """Still."""
        return 1

    def one(self): "on one line"; return 2  # noqa: E702


def decorated(call):
    @functools.wraps(call)
    def wrapper(*args):
        return call(*args)
    return wrapper


@decorated
def wrapped():
    """Words."""
    return 1


def test_a_method_is_shown_dedented_under_its_file_and_name():
    assert repr(show(Operation.ok)) == (
        "# evlab/sim/history.py · Operation.ok\n"
        "def ok(self, value=None) -> None:\n"
        '    self._history.add("ok", self.what, value, pair=self.number, node=self.node)')


def test_docstrings_go_and_comments_stay():
    assert repr(show(Sample.full)).endswith(
        'def full(self):\n    # why this is so\n    return "text with a # sign"')


def test_docstrings_stay_when_asked_for():
    assert '"""One line."""' in repr(show(Sample.full, doc=True))


def test_a_body_of_words_becomes_dots():
    assert repr(show(Sample.empty)).endswith("def empty(self):\n    ...")


def test_a_class_loses_the_docstrings_of_its_methods_too():
    text = repr(show(Sample))
    assert "What a sample is" not in text and "A half." not in text and "size = 3" in text
    assert "class Sample:\n    size = 3" in text


def test_a_docstring_that_shares_its_line_stays():
    assert '"on one line"; return 2' in repr(show(Sample.one))


@pytest.mark.parametrize(("thing", "name"), [
    (Sample.half, "Sample.half"), (Sample.still, "Sample.still"), (Sample().full, "Sample.full"),
    (wrapped, "wrapped"), (History.add, "History.add"), (EvlabError, "EvlabError")])
def test_whatever_has_source_can_be_shown(thing, name):
    assert repr(show(thing)).splitlines()[0].endswith(f"· {name}")


@pytest.mark.parametrize("thing", [3, "text", None, [], re, len, dict, int.from_bytes, History()])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(InvalidUse):
        show(thing)


def test_a_class_made_in_a_notebook_is_refused_with_a_reason():
    made = {}
    exec("class Made:\n    pass", {"__name__": "__main__"}, made)
    with pytest.raises(InvalidUse, match="no source"):
        show(made["Made"])


@pytest.mark.parametrize("thing", [History, Operation, EvlabError, Sample])
def test_what_is_shown_still_runs(thing):
    ast.parse(_without_docstrings(show(thing, doc=True).text))


def test_the_card_names_no_machine_and_no_class_of_style():
    bundle = show(History.add)._repr_mimebundle_()
    html = bundle["text/html"]
    assert set(bundle) == {"text/html", "text/plain"}
    assert "evlab/sim/history.py" in html and "/work" not in html and "/home" not in html
    assert "class=" not in html and "<style" not in html and "<pre" in html
    assert show(History.add)._repr_mimebundle_() == bundle


def test_code_is_escaped_and_readable():
    html = show(test_code_is_escaped_and_readable)._repr_mimebundle_()["text/html"]
    assert "<b>bold</b>" not in html and "&lt;b&gt;" in html
    inks = set(re.findall(r"color: ?(#[0-9A-Fa-f]{6})", html))
    assert inks and all(contrast(ink, theme.CARD) >= 4.5 for ink in inks)


def long_lines(ends, mark):

    first = [name for name in ends if name != mark and ends[name] is not None and len(name) < 1_000_000 and name]

    second = [name for name in ends if name == mark and ends[name] is not None and len(name) < 1_000_000 and name]
    if first:

        return len(first)  # short
    return second


def test_a_long_line_hangs_and_no_line_is_lost_or_doubled():
    shown = show(long_lines)
    html = shown._repr_mimebundle_()["text/html"].partition("<pre")[2].partition(">")[2].partition("</pre>")[0]
    seen = []
    for piece in re.split("(<div.*?</div>)", html):  # as a browser breaks it: a newline at a block's end is no line
        text = unescape(re.sub("<[^>]+>", "", piece))
        seen += text.removesuffix("\n").split("\n") if piece else []
    assert seen == shown.text.splitlines() and max(map(len, seen)) > 100
    hang = '<div style="white-space:pre-wrap;word-break:normal;padding-left:7.2em;text-indent:-7.2em">'
    assert html.count(hang) == html.count("<div") == 2, "indented by 4 columns, and 8 more"


def test_a_source_of_short_lines_has_no_blocks():
    html = show(Operation.ok)._repr_mimebundle_()["text/html"].partition("<pre")[2]
    assert "<div" not in html and "pre-wrap" not in html


def contrast(one: str, other: str) -> float:
    """The ratio of contrast of WCAG 2, from 1 to 21."""
    def light(colour):
        parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
