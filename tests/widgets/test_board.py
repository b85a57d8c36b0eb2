"""The event storming without a browser: the rules that name what is missing, the moves, and what goes out."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.widgets import EventStorming
from evlab.widgets.board import DONE, PAGE
from evlab.widgets.missing import missing
from evlab.widgets.skeleton import skeleton
from evlab.widgets.storm import COLUMNS, IN_CELL, KINDS, Board, Crossing, is_past, name_of, sounds_past

FEW = settings(max_examples=60, deadline=None)
FEWER = settings(max_examples=20, deadline=None)
WORDS = st.text(min_size=1, max_size=20).filter(lambda text: any(char.isalnum() for char in text))


def board(*columns: str, contexts: dict[int, str] | None = None) -> Board:
    """A board from one line a column: "person: customer, command: PlaceOrder"."""
    notes = [{"kind": kind.strip(), "text": text.strip(), "column": number}
             for number, line in enumerate(columns, 1) for kind, text in (one.split(":") for one in line.split(","))]
    return Board(notes, contexts if contexts is not None else dict.fromkeys(range(1, len(columns) + 1), "shop"))


def codes(found: Board) -> list[str]:
    return [one.code for one in missing(found)]


WHOLE = "person: customer, command: PlaceOrder, aggregate: Order, event: OrderPlaced"


# ------------------------------------------------------------------------------------------------ the rules

def test_the_page_of_talk_has_holes_and_the_finished_board_has_none():
    assert codes(PAGE) == ["NO_CONTEXT", "NO_COMMAND", "NO_AGGREGATE", "NOT_PAST", "POLICY_ALONE", "FROM_NOBODY",
                           "NO_SUCH_EVENT"]
    assert codes(DONE) == [] and codes(board(WHOLE)) == [] and codes(Board()) == []


@pytest.mark.parametrize(("columns", "code", "note"), [
    (["event: OrderPlaced"], "NO_COMMAND", "OrderPlaced"),
    (["person: customer, command: PlaceOrder, event: OrderPlaced"], "NO_AGGREGATE", "PlaceOrder"),
    (["command: PlaceOrder, aggregate: Order, event: OrderPlaced"], "FROM_NOBODY", "PlaceOrder"),
    (["person: customer, command: PlaceOrder, aggregate: Order"], "NO_EVENT", "PlaceOrder"),
    ([WHOLE.replace("event: OrderPlaced", "event: PlaceOrder")], "NOT_PAST", "PlaceOrder"),
    ([WHOLE.replace("command: PlaceOrder", "command: OrderPlaced")], "SOUNDS_PAST", "OrderPlaced"),
    ([WHOLE + ", command: KeepOrder"], "TWO_COMMANDS", "KeepOrder"),
    ([WHOLE, "policy: OrderPlaced, event: StockReserved"], "POLICY_ALONE", "OrderPlaced"),
    ([WHOLE, "policy: OrderPaid, command: Ship, aggregate: Parcel, event: ParcelShipped"], "NO_SUCH_EVENT",
     "OrderPaid"),
    (["policy: OrderPlaced, command: Ship, aggregate: Parcel, event: ParcelShipped", WHOLE], "TOO_EARLY",
     "OrderPlaced"),
    ([WHOLE, "read model: Sales"], "VIEW_ALONE", "Sales"),
    ([WHOLE, "person: cashier"], "WANTS_NOTHING", "cashier"),
    ([WHOLE, "aggregate: Refund"], "NOT_ASKED", "Refund"), ([WHOLE, "system: printer"], "NOT_ASKED", "printer")])
def test_each_rule_names_the_note_that_breaks_it(columns, code, note):
    made = board(*columns)
    [found] = missing(made)
    assert (found.code, made.note(found.note).text) == (code, note)
    assert found.says.endswith((".", "?")) and found.cure


def test_an_event_and_an_aggregate_have_one_context():
    other = "policy: OrderPlaced, command: SendParcel, aggregate: Order, event: OrderPlaced"
    made = board(WHOLE, other, contexts={1: "ordering", 2: "shipping"})
    assert set(codes(made)) == {"TWO_HOMES", "TWO_OWNERS"}
    assert codes(board(WHOLE, other, contexts={1: "ordering", 2: "ordering"})) == []
    assert "in ordering and in shipping" in missing(made)[0].says


def test_a_board_without_any_context_says_so_once_and_one_with_some_names_the_column():
    second = "policy: OrderPlaced, command: Ship, aggregate: Parcel, event: ParcelShipped"
    assert [(one.code, one.column) for one in missing(board(WHOLE, second, contexts={}))] == [("NO_CONTEXT", 1)]
    [one] = missing(board(WHOLE, second, contexts={1: "ordering"}))
    assert (one.code, one.column) == ("NO_CONTEXT", 2) and "Column 2 belongs to no" in one.says


@pytest.mark.parametrize("name", ["OrderPlaced", "order placed", "ParcelLeftHouse", "CardCharged", "Money withdrawn",
                                  "HTTPRequestFailed", "PriceSet", "ReceiptSent", "SOLD OUT", "Order2Placed"])
def test_a_fact_is_known_by_its_past_tense(name):
    assert is_past(name)


@pytest.mark.parametrize("name", ["PlaceOrder", "OutOfStock", "OrderFeed", "NeedSpeed", "Order", "Payment", "red",
                                  "ParcelIsLate", ""])
def test_a_state_a_thing_or_an_order_is_no_fact(name):
    assert not is_past(name)


def test_a_command_may_end_in_a_past_form_after_a_verb_that_says_so():
    assert sounds_past("OrderPlaced") and not sounds_past("PlaceOrder")
    assert not sounds_past("MarkPaid") and not sounds_past("Send paid invoice")


# ------------------------------------------------------------------------------------------------ the board

def test_notes_with_the_same_name_mean_the_same_thing():
    assert name_of("order placed") == name_of("Order  Placed") == name_of("OrderPlaced") == "OrderPlaced"
    assert name_of("2 parcels") == "The2Parcels"
    made = board(WHOLE, "policy: order placed, command: Ship, aggregate: Parcel, event: ParcelShipped")
    assert codes(made) == []


def test_what_leaves_its_context_is_listed_with_who_reacts():
    crossing = DONE.crossings()
    assert crossing[0] == Crossing("OrderPlaced", "ordering", "inventory", "ReserveStock")
    assert [one.target for one in crossing if one.event == "CardCharged"] == ["shipping", "mail"]
    assert len(crossing) == 8 and len({one.event for one in crossing}) == 7
    same = DONE.copy()
    for column in range(1, COLUMNS + 1):
        same.name_context(column, "one shop")
    assert same.crossings() == [], "inside one context nothing is published"


def test_a_full_place_an_unknown_kind_and_an_empty_note_are_refused():
    made = board(WHOLE)
    made.add("event", "OrderRefused", 1)
    for refused in (lambda: made.add("event", "OrderKept", 1), lambda: made.add("star", "x", 1),
                    lambda: made.add("event", " ?! ", 2), lambda: made.add("event", "x" * 29, 2),
                    lambda: made.add("event", "OrderKept", 9), lambda: made.move("n4", True),
                    lambda: made.note("n99"), lambda: made.turn("n2", "event"), lambda: made.turn("n2", "star")):
        with pytest.raises(InvalidUse):
            refused()
    third = made.add("event", "OrderKept", 2)
    with pytest.raises(InvalidUse):
        made.move(third, 1)
    assert made.note(third).column == 2


def test_columns_that_change_places_take_notes_and_contexts_along():
    made = DONE.copy()
    made.swap(1, 2)
    assert made.context(1) == "inventory" and made.context(2) == "ordering"
    assert [note.text for note in made.cell("command", 1)] == ["ReserveStock"]
    assert "TOO_EARLY" in codes(made)
    made.swap(2, 1)
    assert made == DONE


@FEW
@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), WORDS, st.integers(1, COLUMNS)), max_size=12),
       st.dictionaries(st.integers(1, COLUMNS), st.text(max_size=20)))
def test_any_board_goes_out_and_comes_back_and_its_skeleton_is_python(notes, contexts):
    made = Board()
    for kind, text, column in notes:
        if len(made.cell(KINDS[kind], column)) < IN_CELL:
            made.add(kind, text, column)
    for column, name in contexts.items():
        made.name_context(column, name)
    assert Board(**json.loads(json.dumps(made.to_data()))) == made
    assert all(one.says and one.cure for one in missing(made))
    ast.parse(skeleton(made))


# --------------------------------------------------------------------------------------------- the skeleton

def run(text: str, name: str = "__main__") -> dict:
    module = {"__name__": name}
    exec(compile(text, "skeleton", "exec"), module)  # the code that is tested
    return module


def test_the_skeleton_runs_as_the_board_says():
    done = subprocess.run([sys.executable, "-c", skeleton(DONE)], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == [
        "OrderPlaced by ordering", "StockReserved by inventory", "CardCharged by payment", "ParcelShipped by shipping",
        "ReceiptSent by mail", "OrderCompleted by ordering"]


def test_another_outcome_walks_the_way_back_and_the_read_model_shows_it():
    module = run(skeleton(DONE), "shop")
    module["OUTCOME"]["ChargeCard"] = "CardDeclined"
    module["give"]("PlaceOrder", "order-7")
    assert module["my_orders"] == {"order-7": "OrderCancelled"} and module["parcels_today"] == {}
    streams = {stream: [recorded.event.type for recorded in module["store"].read(stream)]
               for stream in module["store"].streams()}
    assert streams["stock_item-order-7"] == ["StockReserved", "StockReleased"]
    assert streams["order-order-7"] == ["OrderPlaced", "OrderCancelled"]
    [first] = [event for event in module["store"].read("order-order-7") if event.event.type == "OrderPlaced"]
    [last] = [event for event in module["store"].read("order-order-7") if event.event.type == "OrderCancelled"]
    assert last.event.correlation_id == first.event.correlation_id and last.event.causation_id


def test_a_ring_of_policies_ends():
    ring = board(WHOLE, "policy: OrderPlaced, command: Ship, aggregate: Parcel, event: ParcelShipped",
                 "policy: ParcelShipped, command: PlaceAgain, aggregate: Order, event: OrderPlaced")
    module = run(skeleton(ring), "shop")
    give, given = module["give"], []

    def counted(*command):
        given.append(command)
        if len(given) < 20:  # or a ring without an end would hang the test
            give(*command)

    module["give"] = counted
    counted("PlaceOrder", "order-7")
    assert len(given) == 3, "the third one is asked for what has happened, and nothing comes of it"
    assert len(list(module["store"].read_all())) == 2


def test_what_is_written_on_a_note_is_never_run_as_code():
    evil = board("person: a, command: C, aggregate: A, event: E", contexts={1: "\"\"\"\nraise SystemExit('x') #"})
    for id, text in zip(("n2", "n3", "n4"), ("x'); import os #", '"""A\\', "{0}\nraise"), strict=True):
        evil.rename(id, text)
    evil.add("read model", "bus", 1)
    evil.add("policy", "None", 2)
    evil.add("policy", "a b(): raise", 2)
    evil.add("command", "class", 2)
    evil.add("event", "give", 2)
    module = run(skeleton(evil), "shop")
    module["give"]("XImportOs", "k")
    assert [one.event.type for one in module["store"].read_all()] == ["The0Raise"]


def test_two_homes_give_one_decider_and_an_empty_board_still_runs():
    other = "policy: OrderPlaced, command: PackOrder, aggregate: Order, event: OrderPacked"
    text = skeleton(board(WHOLE, other, contexts={1: "ordering", 2: "shipping"}))
    assert text.count("def decide_order(") == 1 and "Decides on PlaceOrder, PackOrder." in text
    assert run(skeleton(Board()))["OUTCOME"] == {}


# ------------------------------------------------------------------------------------------- the playground

def test_a_note_moves_along_the_time_and_its_rule_is_heard():
    playground = EventStorming().do("note", "n12").do("text", "CardCharged")
    assert "NOT_PAST" not in codes(playground.board)
    playground.do("note", "n6").do("column", 7)
    assert playground.board.note("n6").column == 7 and playground.render()["said"].endswith("is in column 7 now.")
    playground.do("earlier")
    assert playground.board.note("n6").column == 6 and playground.column == 6


def test_a_new_note_lies_where_the_chosen_one_lies_and_is_chosen_then():
    playground = EventStorming().do("note", "n6").do("kind", "command").do("add", "SendReceipt")
    assert playground.note.text == "SendReceipt" and playground.column == 2
    playground.do("kind", "system").do("add", "mail server").do("kind", "policy").do("add", "CardCharged")
    assert "NO_COMMAND" not in codes(playground.board)
    playground.do("remove")
    assert playground.note is None and playground.column == 2 and playground.board.of("policy", 2) == []


def test_an_empty_place_is_chosen_for_new_notes_and_moves_nothing():
    playground = EventStorming().do("place", 7)
    assert playground.note is None and playground.column == 7 and playground.board == PAGE
    assert playground.do("kind", "question").do("add", "Returns?").note.column == 7
    assert playground.do("place", 7).note is not None, "the chosen note stands there"
    with pytest.raises(InvalidUse):
        EventStorming().do("place", 7).do("column", 3)


def test_a_note_can_become_one_of_another_kind():
    playground = EventStorming().do("note", "n12").do("turn", "command")
    assert [note.text for note in playground.board.of("command", 4)] == ["ChargeCard"] and playground.note.id == "n12"
    assert "NOT_PAST" not in codes(playground.board)


def test_each_step_can_be_taken_back_up_to_the_beginning():
    playground = EventStorming()
    with pytest.raises(InvalidUse):
        playground.do("undo")
    seen = []
    for name, value in (("note", "n12"), ("text", "CardCharged"), ("column", 8), ("turn", "question"), ("later", None),
                        ("context", "sales"), ("remove", None), ("place", 2), ("add", "Paid"), ("wall", "empty")):
        before = playground.board.copy()
        control = next(one for one in playground.render()["controls"] if one.id == name)
        if not control.blocked:
            playground.do(name, value)
        if playground.board != before:
            seen.append((before, [note.id for note in before.notes]))
    assert len(seen) == 7
    for before, ids in reversed(seen):
        playground.do("undo")
        assert playground.board == before and [note.id for note in playground.board.notes] == ids
        assert playground.render()["said"].startswith("Taken back: ")
    assert playground.board == PAGE
    assert EventStorming.replay(playground.export()).digest() == playground.digest()


def test_what_is_wrong_with_the_chosen_note_is_told_first():
    playground = EventStorming().do("note", "n16")  # the policy of column 6, the last one found
    assert playground.view["texts"][0]["text"].startswith("Column 6: A policy waits for 'CardDeclined'")


def test_what_a_board_refuses_is_said_and_changes_nothing():
    playground = EventStorming().do("wall", "done").do("note", "n9")
    before = playground.board.to_data()
    playground.heard("column", 3, 1)
    assert "holds 2 notes" in playground.view["problem"] and playground.board.to_data() == before
    playground.heard("earlier", None, 2)
    assert playground.view["problem"] == ""


def test_the_board_of_anybody_opens_as_a_run_that_replays():
    made = EventStorming.of(DONE)
    assert made.board == DONE
    assert EventStorming.replay(json.dumps(made.export())).digest() == made.digest()


def test_the_menu_names_what_is_on_the_wall():
    def shown(playground):
        [menu] = [control for control in playground.view["controls"] if control["id"] == "wall"]
        return dict(menu["options"])[menu["value"]], len(menu["options"])

    mended = PAGE.copy()
    mended.add("event", "CardCharged", 4)
    assert shown(EventStorming.of(mended)) == ("your own notes", 4)
    assert shown(EventStorming.of(DONE)) == ("as one team left it", 3)
    playground = EventStorming()
    for name, value, words in (("remove", None, "from the page of talk, changed"),
                               ("wall", "page, changed", "from the page of talk, changed"),
                               ("undo", None, "from the page of talk"), ("wall", "done", "as one team left it"),
                               ("context", "sales", "as one team left it, changed"),
                               ("wall", "empty", "an empty wall"), ("add", "Paid", "your own notes")):
        assert shown(playground.do(name, value))[0] == words, name
    assert EventStorming.replay(playground.export()).digest() == playground.digest()


def test_it_goes_out_as_a_run_as_data_and_as_python():
    playground = EventStorming().do("wall", "done").do("note", "n1").do("context", "sales")
    assert EventStorming.replay(playground.export()).board == playground.board
    assert Board(**playground.export("data")).context(1) == "sales"
    assert "by sales" not in playground.export("skeleton") and "'sales'" in playground.export("skeleton")


def test_two_states_that_look_different_have_two_digests():
    same = EventStorming().digest()
    for name, value in (("note", "n2"), ("kind", "policy"), ("wall", "empty"), ("column", 3), ("context", "sales"),
                        ("place", 3), ("turn", "policy")):
        assert EventStorming().do(name, value).digest() != same, name
    assert EventStorming(9).digest() == same, "nothing is drawn by chance"


def test_each_note_can_be_pressed_dragged_and_moved_by_keys_where_it_is_drawn():
    view = EventStorming().view
    spots = {spot["id"]: spot for spot in view["spots"]}
    assert spots["column-4"]["drop"] == ["column", 4] and spots["column-4"]["press"] == ["place", 4]
    assert spots["column-4"]["label"] == "", "for the mouse alone: the keyboard has a slider"
    note = spots["n6"]
    assert note["press"] == ["note", "n6"] and note["label"] == "event ReceiptSent, column 2"
    assert note["keys"] == {"ArrowLeft": [["note", "n6"], ["column", 1]], "ArrowRight": [["note", "n6"], ["column", 3]]}
    left, right = spots["column-2"]["start"][0], spots["column-2"]["start"][0] + spots["column-2"]["size"][0]
    assert left < note["start"][0] < note["start"][0] + note["size"][0] < right
    playground = EventStorming()
    for name, value in [note["press"], spots["column-4"]["drop"]]:  # what the browser sends at the end of a drag
        playground.heard(name, value, 1)
    assert playground.board.note("n6").column == 4
    assert "Delete" in {spot["id"]: spot for spot in playground.view["spots"]}["n6"]["keys"]


def test_the_first_column_has_no_key_to_the_left():
    spots = {spot["id"]: spot for spot in EventStorming().view["spots"]}
    assert list(spots["n1"]["keys"]) == ["ArrowRight", "Delete"]


def test_where_widgets_do_not_run_the_board_is_a_picture_and_words(monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")
    bundle = EventStorming()._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert not any("widget" in kind for kind in data)
    assert 'src="data:image/svg+xml' in data["text/html"]
    assert "Nothing causes &#x27;ReceiptSent&#x27;" in data["text/html"]
    assert "event ReceiptSent (!)" in data["text/plain"]


@FEWER
@given(st.lists(st.tuples(st.sampled_from(["note", "column", "text", "remove", "context", "earlier", "later", "kind",
                                           "add", "wall", "place", "turn", "undo"]),
                          st.integers(0, 40), WORDS), max_size=14), st.integers(0, 3))
def test_any_run_replays(presses, seed):
    playground = EventStorming(seed)
    for name, number, text in presses:
        control = next(one for one in playground.render()["controls"] if one.id == name)
        options = list(getattr(control, "options", []))
        plain = number % COLUMNS + 1 if name in ("column", "place") else text[:28]
        value = options[number % len(options)] if options else plain
        playground.heard(name, None if name in ("remove", "earlier", "later", "undo") else value, 1)
    assert EventStorming.replay(playground.export()).digest() == playground.digest()
