"""The compatibility playground without a browser: its colours come from real reads, and they agree with the rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.schema import IncompatibleSchema, SchemaRegistry, pairs_asked
from evlab.widgets import CompatibilityMatrix
from evlab.widgets.compatibility import FIELDS, MODES, STARTS, TYPES, VERSIONS

FEW = settings(max_examples=25, deadline=None)
PAIRS = list(itertools.product(VERSIONS, VERSIONS))


def greens(playground) -> dict:
    """The colour of each cell, as its read button says it."""
    buttons = {control.id: control for control in playground.render()["controls"]}
    return {(w, r): buttons[f"read-v{w}-v{r}"].label.startswith("✓") for w, r in PAIRS}


def helps(playground) -> dict:
    return {control.id: control.help for control in playground.render()["controls"]}


ACTIONS = st.lists(st.one_of(
    st.tuples(st.sampled_from([f"type-v{v}-{f}" for v in VERSIONS for f in FIELDS]),
              st.sampled_from(["not there", *TYPES])),
    st.tuples(st.sampled_from([f"default-v{v}-{f}" for v in VERSIONS for f in FIELDS]), st.booleans()),
    st.tuples(st.just("mode"), st.sampled_from(list(MODES))),
    st.tuples(st.sampled_from([f"start-{name}" for name in STARTS]), st.none()),
    st.tuples(st.sampled_from([f"read-v{w}-v{r}" for w, r in PAIRS]), st.none())), max_size=6)


@FEW
@given(ACTIONS)
def test_a_cell_is_green_exactly_if_the_rules_let_that_reader_read(actions):
    playground = CompatibilityMatrix()
    for number, (name, value) in enumerate(actions):
        playground.heard(name, value, number)
    registry = SchemaRegistry("NONE")
    for version in VERSIONS:
        registry.register("UserCreated", version, playground.schema(version))
    rules = {(row["writer"], row["reader"]): row for row in registry.matrix("UserCreated")}
    assert greens(playground) == {pair: rules[pair]["readable"] for pair in PAIRS}
    for writer, reader in PAIRS:
        assert helps(playground)[f"read-v{writer}-v{reader}"].endswith(rules[writer, reader]["why"])
    assert CompatibilityMatrix.replay(playground.export()).digest() == playground.digest()


@pytest.mark.parametrize("written", TYPES)
def test_each_type_is_really_written_and_read(written):
    """Every type of a union is tried: one example would not do."""
    playground = CompatibilityMatrix().do("type-v2-points", written)
    for read in TYPES:
        playground.do("type-v3-points", read)
        rule = SchemaRegistry("NONE")
        for version in (2, 3):
            rule.register("UserCreated", version - 1, {"points": playground.schema(version)["points"]})
        readable = {(row["writer"], row["reader"]): row["readable"] for row in rule.matrix("UserCreated")}
        assert greens(playground)[2, 3] is readable[1, 2], (written, read)


@FEW
@given(ACTIONS)
def test_what_the_registry_is_said_to_do_is_what_it_does(actions):
    playground = CompatibilityMatrix()
    for number, (name, value) in enumerate(actions):
        playground.heard(name, value, number)
    refused = None
    registry = SchemaRegistry(playground.mode)
    for version in VERSIONS:
        try:
            registry.register("UserCreated", version, playground.schema(version))
        except IncompatibleSchema:
            refused = version
            break
    notes = [note.text for note in playground.render()["texts"]]
    assert any(note.startswith(f"v{refused} is refused") for note in notes) is (refused is not None)
    assert any("takes all three" in note for note in notes) is (refused is None)
    red = [pair for pair in pairs_asked(playground.mode, VERSIONS) if not greens(playground)[pair]]
    assert bool(red) is (refused is not None), "a version is refused exactly if a cell that is asked for is red"
    assert ("Not " in playground.render()["pictures"][0].text.split("\n")[0]) is bool(red)


def test_the_syllabus_s_email_without_a_default_is_red_until_it_has_one():
    playground = CompatibilityMatrix()
    assert greens(playground)[1, 2] is False
    assert "email" in helps(playground)["read-v1-v2"] and "no default" in helps(playground)["read-v1-v2"]
    playground.do("default-v2-email", True)
    assert greens(playground)[1, 2] is True and "with a default" in playground.render()["said"]


def test_a_read_shows_the_event_and_what_the_code_made_of_it():
    shown = CompatibilityMatrix().do("start-default").do("read-v1-v2").render()
    assert shown["table"].rows == [['{"name": "Alice"}', '{"name": "Alice", "email": ""}']]
    assert shown["flights"][0].lost is False and shown["said"] == "Code of v2 reads the event of v1."
    shown = CompatibilityMatrix().do("read-v1-v2").render()
    assert shown["table"].rows[0][1].startswith("error. email: ") and shown["flights"][0].lost is True


def test_a_union_is_read_in_part_and_the_cell_is_red_all_the_same():
    playground = CompatibilityMatrix().do("start-default").do("type-v2-email", "null or string")
    playground.do("type-v3-email", "string").do("read-v2-v3")
    assert "reads some events of v2" in playground.render()["said"] and greens(playground)[2, 3] is False


def test_backward_step_by_step_is_green_and_transitive_is_not():
    playground = CompatibilityMatrix().do("start-steps")
    assert playground.render()["texts"][0].tone == "good"
    playground.do("mode", "BACKWARD_TRANSITIVE")
    assert playground.render()["texts"][0].text.startswith("v3 is refused: code of v3 could not read v1")
    assert "every earlier one" in playground.render()["texts"][-1].text


def test_a_field_that_is_not_there_has_no_default():
    playground = CompatibilityMatrix().do("start-default").do("type-v2-email", "not there")
    assert playground.schema(2) == {"name": {"type": "string"}}
    with pytest.raises(InvalidUse, match="can't be used now"):
        playground.do("default-v2-email", True)
    playground.do("type-v2-email", "string")
    assert playground.schema(2)["email"] == {"type": "string"}


@pytest.mark.parametrize("name", STARTS)
def test_every_example_can_be_laid_out_and_says_what_it_did(name):
    playground = CompatibilityMatrix().do(f"start-{name}")
    assert playground.render()["said"].startswith(STARTS[name][0])
    assert greens(playground) == greens(CompatibilityMatrix.replay(playground.export()))


def test_the_seed_makes_the_event():
    first, second = CompatibilityMatrix(seed=1), CompatibilityMatrix(seed=2)
    assert first.event.id != second.event.id and first.event.id == CompatibilityMatrix(seed=1).event.id
