"""Read models by themselves: tables and their names in braces, views, handlers."""

from __future__ import annotations

import pytest

from evlab import Database, Event, EventStore, Projection, Projector, Reactor
from evlab.database import ConstraintFailed, DatabaseError
from evlab.errors import InvalidUse
from evlab.projection import ProjectionFailed


def shelf(*statements, **options):
    return Projection("shelf", statements or "CREATE TABLE {books} (title TEXT, pages INTEGER)", **options)


def stocked(*titles, projection=None, db=None):
    """A projector that has put these books on the shelf; a book has as many pages as its title has letters."""
    projection, store = projection or shelf(), EventStore()

    @projection.on("Bought")
    def bought(view, recorded):
        title = recorded.event.data["title"]
        view.execute("INSERT INTO {books} (title, pages) VALUES (?, ?)", (title, len(title)))

    store.append("books", [Event(type="Bought", data={"title": title}) for title in titles])
    projector = Projector(store, [projection], db)
    projector.catch_up()
    return projector


# ---------------------------------------------------------------------------------------------------------------- views


def test_a_view_answers_with_rows_a_value_or_a_cursor():
    view = stocked("Emma", "Ulysses").view("shelf")
    assert view.rows("SELECT title, pages FROM {books} ORDER BY title") == [("Emma", 4), ("Ulysses", 7)]
    assert view.rows("SELECT title FROM {books} WHERE pages > ?", (5,)) == [("Ulysses",)]
    assert view.rows("SELECT title FROM {books} WHERE pages > :least", {"least": 9}) == []
    assert view.value("SELECT sum(pages) FROM {books}") == 11
    assert view.value("SELECT title FROM {books} WHERE pages > 9") is None
    assert [title for (title,) in view.execute("SELECT title FROM {books} ORDER BY pages DESC")] == ["Ulysses", "Emma"]


def test_a_frame_has_the_names_of_the_querys_columns():
    view = stocked("Emma", "Ulysses").view("shelf")
    frame = view.frame("SELECT title, pages * 2 AS double FROM {books} WHERE pages > ? ORDER BY pages", (3,))
    assert list(frame.columns) == ["title", "double"] and frame.values.tolist() == [["Emma", 8], ["Ulysses", 14]]
    empty = view.frame("SELECT title FROM {books} WHERE pages > 99")
    assert list(empty.columns) == ["title"] and len(empty) == 0


def test_braces_name_the_tables_in_use_wherever_they_stand():
    projector = stocked("Emma", "Ulysses", projection=shelf("CREATE TABLE {books} (title TEXT, pages INTEGER)",
                                                            "CREATE TABLE {loans_2} (title TEXT)"))
    view = projector.view("shelf")
    for generation in (1, 2, 3):
        view.execute("INSERT INTO {loans_2} VALUES ('Emma')")
        assert view.rows("SELECT {books}.title FROM {books} JOIN {loans_2} ON {books}.title = {loans_2}.title"
                         " WHERE {books}.pages < (SELECT max(pages) FROM {books})") == [("Emma",)]
        assert view.rows(f"SELECT title FROM books_{generation} ORDER BY title") == [("Emma",), ("Ulysses",)]
        assert view.rows(f"SELECT title FROM loans_2_{generation}") == [("Emma",)]
        projector.rebuild("shelf")


def test_what_a_text_in_braces_means_is_given_as_a_parameter():
    view = stocked("Emma").view("shelf")
    assert view.rows("SELECT '{\"a\": 1}', '{A}', '{}', '{ books }', '{9}'") == [
        ('{"a": 1}', "{A}", "{}", "{ books }", "{9}")]
    assert view.rows("SELECT ?", ("{books}",)) == [("{books}",)]
    assert view.rows("SELECT '{books}'") == [("books_1",)], "a small word in braces is a table, in quotes, too"


@pytest.mark.parametrize("sql", ["SELECT * FROM {bocks}", "SELECT * FROM books", "SELECT * FROM {Books}", "SELEKT",
                                 "SELECT nothing FROM {books}"])
def test_a_query_that_sqlite_refuses_is_refused_once(sql):
    view = stocked("Emma").view("shelf")
    for ask in (view.rows, view.value, view.execute, view.frame):
        with pytest.raises(DatabaseError) as caught:
            ask(sql)
        assert caught.value.why and caught.value.next_step


def test_a_view_of_a_handler_reads_what_was_written_before_it_in_the_same_batch():
    projection, seen = shelf(), []

    @projection.on("Counted")
    def counted(view, recorded):
        seen.append((view.value("SELECT count(*) FROM {books}"), view.rows("SELECT title FROM {books}")[-1:]))
        view.execute("INSERT INTO {books} VALUES (?, 0)", (f"book {recorded.position}",))

    store = EventStore()
    store.append("books", [Event(type="Counted") for _ in range(3)])
    Projector(store, [projection]).catch_up()
    assert seen == [(0, []), (1, [("book 1",)]), (2, [("book 2",)])]


# --------------------------------------------------------------------------------------------------------------- tables


def test_tables_indexes_triggers_and_first_rows_are_made_anew_by_a_rebuild():
    projection = shelf(
        "CREATE TABLE {books} (title TEXT, pages INTEGER)",
        "  create table if not exists {totals} (pages INTEGER)",
        "CREATE VIRTUAL TABLE {words} USING fts5(title)",
        "CREATE INDEX {by_pages} ON {books} (pages)",
        "CREATE UNIQUE INDEX IF NOT EXISTS {by_title} ON {books} (title)",
        "CREATE TRIGGER {count_pages} AFTER INSERT ON {books} BEGIN UPDATE {totals} SET pages = pages + new.pages; END",
        "INSERT INTO {totals} VALUES (0)")
    assert projection.tables == ["books", "totals", "words"]
    db = Database()
    projector = stocked("Emma", "Ulysses", projection=projection, db=db)
    for generation in (1, 2, 3):
        assert projector.view("shelf").rows("SELECT pages FROM {totals}") == [(11,)]
        with pytest.raises(ConstraintFailed):
            projector.view("shelf").execute("INSERT INTO {books} VALUES ('Emma', 1)")
        made = {name for (name,) in db.rows("SELECT name FROM sqlite_master WHERE name NOT LIKE '%autoindex%'")}
        expected = {"books", "totals", "words", "by_pages", "by_title", "count_pages"}
        assert {f"{name}_{generation}" for name in expected} <= made
        assert not [name for name in made if name.startswith(("books", "totals", "by_", "count"))
                    and not name.endswith(f"_{generation}")]
        projector.rebuild("shelf")


@pytest.mark.parametrize("statements", [
    "", [], "CREATE TABLE books (title TEXT)", "CREATE TABLE {Books} (title TEXT)", "CREATE TABLE {1} (x)",
    "CREATE INDEX {by_title} ON {books} (title)", "SELECT 1", ["CREATE TABLE {books} (x)", None], [7],
    ["CREATE TABLE {books} (title TEXT)", "CREATE INDEX by_title ON {books} (title)"],
    ["CREATE TABLE {books} (title TEXT)", "CREATE TABLE loans (title TEXT)"],
    ["CREATE TABLE {books} (title TEXT)", "CREATE VIEW {titles} AS SELECT title FROM {books}"],
    ["CREATE TABLE {books} (title TEXT)", "CREATE TEMP TABLE {mine} (title TEXT)"],
])
def test_statements_that_a_rebuild_could_not_repeat_are_refused(statements):
    with pytest.raises(InvalidUse) as caught:
        Projection("shelf", statements)
    assert caught.value.next_step


def test_a_statement_that_sqlite_refuses_is_refused_when_the_tables_are_made_and_leaves_nothing():
    db = Database()
    for statement in ("CREATE TABLE {books} (", "CREATE TABLE {books} (x); CREATE TABLE {loans} (x)"):
        with pytest.raises(DatabaseError):
            Projector(EventStore(), [Projection("first", "CREATE TABLE {first} (x)"), shelf(statement)], db)
        assert db.rows("SELECT name FROM sqlite_master") == []


@pytest.mark.parametrize("name", ["", "Shelf", "my shelf", "1st", "_x", "shelf;", "größe", None, 7, b"shelf", "x\n"])
def test_a_name_that_is_no_name_is_refused(name):
    for make in (lambda: Projection(name, "CREATE TABLE {books} (x)"), lambda: Reactor(name)):
        with pytest.raises(InvalidUse, match="cannot name a projection"):
            make()


@pytest.mark.parametrize("version", [0, -1, "2", 1.0, None, True])
def test_a_version_that_is_no_number_is_refused(version):
    with pytest.raises(InvalidUse, match="version"):
        shelf(version=version)


# ------------------------------------------------------------------------------------------------------------- handlers


@pytest.mark.parametrize("owner", [shelf, lambda: Reactor("mailer")])
def test_a_function_handles_the_types_that_it_names(owner):
    owner = owner()

    @owner.on("Bought", "Found")
    def in_one_function(*arguments):
        return "not looked at"

    assert in_one_function() == "not looked at", "the decorator gives the function back"
    assert owner.handlers == {"Bought": in_one_function, "Found": in_one_function}
    with pytest.raises(InvalidUse, match="handles Found already"):
        owner.on("Found")(print)


@pytest.mark.parametrize("types", [(), ("",), (None,), (7,), ("Bought", ""), (print,)])
def test_types_that_name_no_event_are_refused(types):
    for owner in (shelf(), Reactor("mailer")):
        with pytest.raises(InvalidUse, match="types of the events"):
            owner.on(*types)


def test_a_handler_that_yields_would_never_run_and_is_refused():
    def waits(*arguments):
        yield 1.0

    for owner in (shelf(), Reactor("mailer")):
        with pytest.raises(InvalidUse, match="yields"):
            owner.on("Bought")(waits)
        assert owner.handlers == {}


def test_a_number_that_sqlite_cannot_hold_is_the_handlers_failure():
    projection = shelf()
    projection.on("Bought")(lambda view, recorded: view.execute("INSERT INTO {books} VALUES ('', ?)", (2**64,)))
    store = EventStore()
    store.append("books", Event(type="Bought"))
    with pytest.raises(ProjectionFailed, match="OverflowError"):
        Projector(store, [projection]).catch_up()
