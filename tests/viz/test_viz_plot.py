"""Plots: an image with its finding, its alternative text and its numbers."""

from __future__ import annotations

import base64
import re

import pandas as pd
import pytest

from evlab.errors import InvalidUse
from evlab.viz import plot, use_theme


def drawn(**changes):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    use_theme()
    figure, axis = plt.subplots(figsize=(6, 3))
    axis.plot([1, 2, 3], label="<b>lag</b>")
    given = {"title": "Lag grows", "alt": "A line that climbs.", "table": pd.DataFrame({"lag": [1, 2, 3]})} | changes
    return plot(figure, **given)


def test_a_plot_is_an_image_with_alt_text_and_its_numbers_as_text():
    bundle = drawn()._repr_mimebundle_()
    data = re.search(r'src="data:image/png;base64,([^"]+)"', bundle["text/html"])[1]
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert 'alt="Lag grows. A line that climbs."' in bundle["text/html"] and "http" not in bundle["text/html"]
    assert bundle["text/plain"].startswith("Lag grows") and "lag" in bundle["text/plain"]


def test_the_same_figure_gives_the_same_bytes():
    assert drawn()._repr_mimebundle_() == drawn()._repr_mimebundle_()


def test_hostile_words_come_out_as_text():
    html = drawn(title='"><script>alert(1)</script>', table=pd.DataFrame({"<script>": ["</pre><script>"]}))
    assert "<script" not in html._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("changes", [{"title": " "}, {"alt": ""}, {"table": None}, {"table": pd.DataFrame()}])
def test_a_plot_without_its_words_is_refused(changes):
    with pytest.raises(InvalidUse, match="needs a title"):
        drawn(**changes)


def test_it_leaves_no_figure_open():
    import matplotlib.pyplot as plt

    plt.close("all")
    drawn()
    assert plt.get_fignums() == []
