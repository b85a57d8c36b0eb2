"""The matrix of writers and readers: what it shows, says and refuses."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from evlab import SchemaRegistry
from evlab.errors import InvalidUse
from evlab.schema import pairs_asked
from evlab.viz import compatibility

NAMESPACE = "{http://www.w3.org/2000/svg}"
TEXT = {"type": "string"}
VERSIONS = [{"name": TEXT}, {"name": TEXT, "email": TEXT},
            {"name": TEXT, "email": {"type": ["null", "string"], "default": None}, "points": {"type": "int"}},
            {"name": {"type": "array", "default": []}, "a": TEXT, "b": TEXT, "c": TEXT}]


def rows_of(count: int = 3, versions=VERSIONS) -> tuple[list, dict]:
    registry = SchemaRegistry("NONE")
    for version in range(1, count + 1):
        registry.register("UserCreated", version, versions[version - 1])
    return registry.matrix("UserCreated"), {v: registry.schema("UserCreated", v) for v in range(1, count + 1)}


def texts_of(figure) -> list[str]:
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing) -> bool:
    return drawing.overflow() == [] and drawing.collisions() == []


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_each_pair_has_a_cell_that_says_whether_it_can_be_read_and_by_which_rule_not(count, drawings):
    rows, schemas = rows_of(count)
    figure = compatibility(rows, title="Who reads whom", schemas=schemas)
    red = [row for row in rows if not row["readable"]]
    shown = texts_of(figure)
    assert shown.count("reads it") == len(rows) - len(red) and shown.count("cannot read it") == len(red)
    for row in red:
        assert f"  v{row['writer']}, read by v{row['reader']}: {row['why']}" in figure.text
        assert f"code of v{row['reader']} cannot read v{row['writer']}" in figure.alt
    assert clean(drawings[-1]) and drawings[-1].width <= 900
    assert figure.alt.startswith(f"Who reads whom. {len(rows) - len(red)} of {len(rows)} pairs can be read")


def test_fields_that_break_one_rule_share_it_so_that_no_word_of_it_is_cut_off(drawings):
    rows, _ = rows_of(2, [{"name": TEXT}, {"name": TEXT, "email": TEXT, "points": TEXT}])
    cell = " ".join(texts_of(compatibility(rows, title="t")))
    assert "email, points: the reader" in cell and "…" not in cell
    assert cell.count("no default") == 1 and clean(drawings[-1])


def test_the_fields_of_a_version_stand_beside_it():
    shown = texts_of(compatibility(*rows_of(3)[:1], title="t", schemas=rows_of(3)[1]))
    assert {"name: string", "email: string", "email: null or string = null", "points: int"} <= set(shown)
    assert "and 2 more" in texts_of(compatibility(rows_of(4)[0], title="t", schemas=rows_of(4)[1]))


def test_the_pairs_that_a_compatibility_asks_for_have_a_frame_and_a_star():
    rows, _ = rows_of()
    plain = compatibility(rows, title="t")
    framed = compatibility(rows, title="t", asked=pairs_asked("BACKWARD_TRANSITIVE", [1, 2, 3]))
    assert plain.svg.count('stroke="#0072B2"') == 0 and "*" not in plain.text
    assert framed.svg.count('stroke="#0072B2"') == 3 + 1, "three pairs and the key"
    assert framed.text.split("\n")[2] == "  written by v1 yes         NO *        NO *"
    assert "this pair has to be green" in texts_of(framed)


def test_the_picked_pair_is_lit_and_every_cell_can_be_found():
    rows, _ = rows_of()
    figure = compatibility(rows, title="t", picked=(1, 2))
    assert figure.svg.count("#FFE694") == 1 and compatibility(rows, title="t").svg.count("#FFE694") == 0
    assert ">NO" in figure.text
    x, y = figure.anchors["v1-v2"]
    assert figure.anchors["v1-v3"][0] > x and figure.anchors["v2-v2"][1] > y and figure.anchors["v1"][0] < x
    assert set(figure.anchors) == {f"v{w}-v{r}" for w in (1, 2, 3) for r in (1, 2, 3)} | {"v1", "v2", "v3"}


@pytest.mark.parametrize("arguments", [
    {"rows": []}, {"rows": rows_of()[0][:-1]}, {"asked": [(1, 4)]}, {"picked": (0, 1)},
    {"rows": [{"writer": w, "reader": r, "readable": True, "why": ""} for w in range(1, 6) for r in range(1, 6)]}])
def test_what_is_no_matrix_is_refused(arguments):
    with pytest.raises(InvalidUse):
        compatibility(**{"rows": rows_of()[0], "title": "t", **arguments})


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", "]]>&\"'", "\u202eredro", "e" + "\u0301" * 99,
                                  "W" * 5000])
def test_hostile_names_of_fields_do_no_harm(word, drawings):
    rows, schemas = rows_of(2, [{"name": TEXT}, {word: {"type": "string"}, f"x{word}": {
        "type": "string", "default": word}}])
    figure = compatibility(rows, title=f"t {word}", schemas=schemas)
    ElementTree.fromstring(figure.svg)
    assert "<script" not in figure.svg and "\u202e" not in figure.text and clean(drawings[-1])
