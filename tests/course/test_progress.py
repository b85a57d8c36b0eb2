"""The learner's progress: kept whatever happens to the kernel, and never in the way of a lesson."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evlab.course.progress import Progress, Tally, home_folder
from evlab.errors import InvalidUse

FEW = settings(max_examples=25, deadline=None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "progress.db"


def test_a_recorded_fact_is_there_for_the_next_kernel(path):
    Progress(path).record("guess", "bus.order", "email first", right=False)
    fact = Progress(path).latest("guess", "bus.order")
    assert (fact.value, fact.right) == ("email first", False)


def test_the_latest_answer_counts(path):
    progress = Progress(path)
    for value, right in ((3, False), (4, True)):
        progress.record("guess", "lag.drain", value, right)
    progress.record("quiz", "lag.drain", 5, False)
    assert progress.latest("guess", "lag.drain").value == 4
    assert progress.summary() == {"guess": Tally(1, 1), "quiz": Tally(1, 0)}


def test_facts_lists_each_question_once_by_kind_and_id(path):
    progress = Progress(path)
    for kind, id in (("quiz", "b"), ("guess", "b"), ("guess", "a"), ("guess", "b")):
        progress.record(kind, id)
    assert [(f.kind, f.id) for f in progress.facts()] == [("guess", "a"), ("guess", "b"), ("quiz", "b")]
    assert [f.id for f in progress.facts("guess")] == ["a", "b"]


def test_what_was_never_answered_is_none_and_nothing(path):
    assert Progress(path).latest("guess", "none") is None
    assert Progress(path).summary() == {}


@FEW
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                          lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5),
       right=st.none() | st.booleans(), id=st.text(min_size=1))
def test_any_json_value_comes_back_as_it_was(tmp_path_factory, value, right, id):
    path = tmp_path_factory.mktemp("facts") / "progress.db"
    written = Progress(path).record("quiz", id, value, right)
    read = Progress(path).latest("quiz", id)
    assert read == written and read.value == value


@pytest.mark.parametrize("call", [lambda p: p.record("", "id"), lambda p: p.record("guess", ""),
                                  lambda p: p.record("guess", 3), lambda p: p.record("guess", "\ud800"),
                                  lambda p: p.record("guess", "id", {1, 2})])
def test_what_cannot_be_kept_is_refused_with_a_next_step(path, call):
    with pytest.raises(InvalidUse) as refused:
        call(Progress(path))
    assert refused.value.next_step


def test_the_home_folder_is_what_evlab_home_names(monkeypatch, tmp_path):
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path / "mine"))
    assert home_folder() == tmp_path / "mine"
    Progress().record("visit", "01")
    assert (tmp_path / "mine" / "progress.db").exists()


def test_while_a_notebook_is_saved_nothing_is_read_or_written_on_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path))
    Progress().record("guess", "of.the.learner", 1)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.setenv("EVLAB_SAVED", "1")
    assert Progress().latest("guess", "of.the.learner") is None
    Progress().record("guess", "of.the.author", 2)
    assert Progress().latest("guess", "of.the.author").value == 2, "one set of facts a process"
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


WRITER = """
import sys
from evlab.course.progress import Progress
name, count, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
progress = Progress(path)
for n in range(count):
    progress.record("guess", f"{name}.{n}", n)
    print(n, flush=True)
"""


def writer(name, count, path):
    return subprocess.Popen([sys.executable, "-c", WRITER, name, str(count), str(path)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_kernels_that_record_at_once_lose_nothing(path):
    writers = [writer(f"kernel{n}", 25, path) for n in range(6)]
    for process in writers:
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
    assert Progress(path).summary() == {"guess": Tally(6 * 25, 0)}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is a Unix matter")
def test_what_was_recorded_survives_kill_9(path):
    seed = random.randrange(10**6)
    print("seed", seed)
    stop_after = random.Random(seed)
    acked = 0
    for round in range(6):
        process = writer(f"round{round}", 1000, path)
        for _ in range(stop_after.randrange(1, 20)):
            process.stdout.readline()
            acked += 1
        process.kill()
        process.communicate()
    assert len(Progress(path).facts()) >= acked
    Progress(path).record("guess", "after", 1)


@pytest.fixture(scope="module")
def thirty_facts(tmp_path_factory):
    path = tmp_path_factory.mktemp("facts") / "progress.db"
    for n in range(30):
        Progress(path).record("guess", f"q{n}", "x" * 50)
    return path.read_bytes()


@FEW
@given(hits=st.lists(st.tuples(st.integers(0, 8191), st.binary(min_size=1, max_size=200)), min_size=1, max_size=4))
@example(hits=[(3950, b"\x80")])  # in the table's own text: sqlite3 fails to decode its own error message
def test_a_damaged_file_never_stops_a_lesson(tmp_path_factory, thirty_facts, hits):
    path = tmp_path_factory.mktemp("damage") / "progress.db"
    data = bytearray(thirty_facts)
    for at, junk in hits:
        data[at % len(data):at % len(data) + len(junk)] = junk
    path.write_bytes(data)
    progress = Progress(path)
    progress.facts()
    progress.record("guess", "after", 1, True)
    assert Progress(path).latest("guess", "after").right is True, "and what is recorded now is kept"


def test_a_damaged_file_is_kept_and_a_new_one_begun(path, capsys):
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but it may be all a learner has" * 40)
    damaged = path.read_bytes()
    Progress(path).record("guess", "q", 1)
    said = capsys.readouterr().err
    kept = list(path.parent.glob("progress-damaged-*.db"))
    assert [file.read_bytes() for file in kept] == [damaged]
    assert kept[0].name in said and said.count("\n") == 1
    assert Progress(path).latest("guess", "q").value == 1
    assert capsys.readouterr().err == ""


def test_kernels_that_meet_the_damage_at_once_begin_one_new_file(path):
    path.parent.mkdir()
    path.write_bytes(b"no database" * 400)
    writers = [writer(f"kernel{n}", 5, path) for n in range(5)]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(list(path.parent.glob("progress-damaged-*.db"))) == 1
    assert Progress(path).summary() == {"guess": Tally(25, 0)}


def test_a_kernel_that_found_damage_too_late_leaves_the_new_file_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"no database" * 400)
    late = Progress(path)
    Progress(path).record("guess", "q", 1)  # another kernel has moved the damage aside
    assert late._move_aside()
    assert Progress(path).latest("guess", "q").value == 1


def test_kernels_that_make_the_file_at_once_all_record_in_it(tmp_path):
    for round in range(15):
        path, together, wrong = tmp_path / str(round) / "progress.db", threading.Barrier(8), []

        def kernel(number, path=path, together=together, wrong=wrong):
            together.wait()
            Progress(path).record("guess", f"q{number}")
            if Progress(path).latest("guess", f"q{number}") is None:
                wrong.append(number)

        kernels = [threading.Thread(target=kernel, args=(number,)) for number in range(8)]
        for thread in kernels:
            thread.start()
        for thread in kernels:
            thread.join()
        assert not wrong and len(Progress(path).facts()) == 8


def test_a_file_that_cannot_be_written_leaves_the_lesson_in_memory(tmp_path, capsys):
    (tmp_path / "file").write_text("a file where a folder should be")
    progress = Progress(tmp_path / "file" / "progress.db")
    progress.record("guess", "q", 1)
    progress.record("guess", "q", 2)
    assert progress.latest("guess", "q").value == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "evlab doctor" in said


def test_what_cannot_be_written_counts_for_every_question_of_this_kernel(tmp_path, capsys):
    """Each question opens the file anew: what one has put into memory, the next one finds, and it is said once."""
    (tmp_path / "file").write_text("a file where a folder should be")
    path = tmp_path / "file" / "progress.db"
    Progress(path).record("guess", "a", 1)
    Progress(path).record("check", "b", 2, False)
    assert [fact.value for fact in Progress(path).facts()] == [2, 1] and Progress(path).latest("guess", "a").value == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_may_only_be_read_is_read(path, monkeypatch, capsys):
    Progress(path).record("guess", "a", 1, True)

    def locked(path):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("evlab.course.facts._open", locked)
    Progress(path).record("guess", "b", 2)
    assert [(fact.id, fact.value, fact.right) for fact in Progress(path).facts()] == [("a", 1, True), ("b", 2, None)]
    assert "cannot be kept" in capsys.readouterr().err


def test_a_user_without_a_home_has_a_lesson_all_the_same(monkeypatch, capsys):
    monkeypatch.setattr("evlab.course.facts._LOST", {})
    monkeypatch.setenv("EVLAB_HOME", "~nobody-of-that-name/evlab")
    Progress().record("guess", "a", 1)
    assert Progress().latest("guess", "a").value == 1 and "EVLAB_HOME" in Progress().damage()
    assert capsys.readouterr().err.count("\n") == 1


def test_a_database_of_another_kind_is_kept_too(path):
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE facts (something INTEGER)")
    other.commit()
    other.close()
    Progress(path).record("guess", "q", 1)
    assert Progress(path).latest("guess", "q").value == 1
    (kept,) = path.parent.glob("progress-damaged-*.db")
    columns = sqlite3.connect(kept).execute("PRAGMA table_info(facts)").fetchall()
    assert [column[1] for column in columns] == ["something"]
