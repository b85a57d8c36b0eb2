"""What every `Files` must do, on a real disk as in a World. `tests/test_env.py` runs it on both."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse

__all__ = ["FilesContract"]

STEPS = st.lists(st.one_of(
    st.tuples(st.just("append"), st.binary(max_size=700)),
    st.tuples(st.just("truncate"), st.floats(0, 1)),
    st.tuples(st.just("sync"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
), max_size=12)


class FilesContract:
    """Inherit from it, and let a fixture `make` return a function that gives a new, empty `Files`."""

    @pytest.fixture
    def files(self, make):
        return make()

    def test_a_new_folder_is_empty(self, files):
        assert files.list() == []

    def test_opening_makes_an_empty_file(self, files):
        file = files.open("a")
        assert (files.list(), file.size(), file.read()) == (["a"], 0, b"")

    def test_names_are_listed_in_order(self, files):
        for name in ("b", "a", "c.log"):
            files.open(name).close()
        assert files.list() == ["a", "b", "c.log"]

    def test_what_is_appended_is_read_back(self, files):
        file = files.open("a")
        file.append(b"one")
        file.append(b"")
        file.append(memoryview(b"two"))
        assert (file.read(), file.size()) == (b"onetwo", 6)

    def test_a_part_is_read_by_start_and_length(self, files):
        file = files.open("a")
        file.append(b"0123456789")
        assert file.read(3, 4) == b"3456"
        assert file.read(3) == b"3456789"
        assert file.read(3, 0) == b""

    def test_reading_beyond_the_end_gives_what_there_is(self, files):
        file = files.open("a")
        file.append(b"012")
        assert file.read(2, 100) == b"2"
        assert file.read(3) == file.read(50) == file.read(50, 5) == b""

    def test_reading_does_not_move_where_the_next_append_goes(self, files):
        file = files.open("a")
        file.append(b"01")
        file.read(0, 1)
        file.append(b"2")
        assert file.read() == b"012"

    @pytest.mark.parametrize("start, length", [(-1, None), (-1, 3), (0, -1)])
    def test_a_stretch_that_cannot_be_is_refused(self, files, start, length):
        file = files.open("a")
        file.append(b"012")
        with pytest.raises(InvalidUse):
            file.read(start, length)

    def test_truncating_cuts_off_the_end(self, files):
        file = files.open("a")
        file.append(b"0123456789")
        file.truncate(4)
        assert (file.read(), file.size()) == (b"0123", 4)
        file.append(b"x")
        assert file.read() == b"0123x"

    @pytest.mark.parametrize("size", [-1, 4])
    def test_truncating_only_shortens(self, files, size):
        file = files.open("a")
        file.append(b"012")
        with pytest.raises(InvalidUse):
            file.truncate(size)
        assert file.read() == b"012"

    def test_a_second_handle_sees_what_the_first_wrote(self, files):
        first, second = files.open("a"), files.open("a")
        first.append(b"one")
        assert second.read() == b"one"
        second.append(b"two")
        assert first.read() == b"onetwo"

    def test_synced_bytes_are_there_after_opening_again(self, files):
        file = files.open("a")
        file.append(b"one")
        file.sync()
        file.close()
        assert files.open("a").read() == b"one"

    def test_renaming_moves_the_content(self, files):
        files.open("a").append(b"one")
        files.rename("a", "b")
        assert files.list() == ["b"]
        assert files.open("b").read() == b"one"

    def test_renaming_replaces_what_has_the_name(self, files):
        files.open("a").append(b"new")
        files.open("b").append(b"old")
        files.rename("a", "b")
        assert files.list() == ["b"]
        assert files.open("b").read() == b"new"

    def test_an_open_file_stays_itself_when_renamed_or_removed(self, files):
        file = files.open("a")
        file.append(b"one")
        files.rename("a", "b")
        file.append(b"two")
        assert files.open("b").read() == b"onetwo"
        files.remove("b")
        assert (file.read(), files.list()) == (b"onetwo", [])
        assert files.open("b").read() == b""

    def test_a_name_that_is_not_there_is_not_found(self, files):
        with pytest.raises(FileNotFoundError):
            files.rename("a", "b")
        with pytest.raises(FileNotFoundError):
            files.remove("a")
        assert files.list() == []

    def test_a_folder_inside_has_its_own_names(self, files):
        inner = files.folder("orders-0")
        assert (inner.list(), files.folders()) == ([], [])
        inner.open("a").append(b"inner")
        files.open("a").append(b"outer")
        inner.folder("deeper").open("b").append(b"x")
        assert (files.list(), files.folders()) == (["a"], ["orders-0"])
        assert (inner.list(), inner.folders()) == (["a"], ["deeper"])
        assert (inner.open("a").read(), files.open("a").read()) == (b"inner", b"outer")
        assert files.folder("orders-0").open("a").read() == b"inner"
        inner.rename("a", "c")
        files.folder("orders-0").remove("c")
        assert (inner.list(), files.list()) == ([], ["a"])

    def test_a_locked_folder_can_be_let_go_and_locked_again(self, files):
        release = files.folder("a").lock()
        assert files.folder("a").list() == [], "what holds it is not one of its files"
        release()
        files.folder("a").lock()()

    @pytest.mark.parametrize("use", [lambda file: file.read(), lambda file: file.append(b"x"),
                                     lambda file: file.truncate(0), lambda file: file.sync(),
                                     lambda file: file.size()])
    def test_a_closed_file_can_do_nothing(self, files, use):
        file = files.open("a")
        file.close()
        file.close()
        with pytest.raises(ValueError):
            use(file)

    def test_text_is_refused(self, files):
        with pytest.raises(TypeError):
            files.open("a").append("text")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(steps=STEPS)
    def test_a_file_is_what_a_bytearray_would_be(self, make, steps):
        files = make()
        file, model = files.open("a"), bytearray()
        for step, argument in steps:
            if step == "append":
                file.append(argument)
                model += argument
            elif step == "truncate":
                size = int(argument * len(model))
                file.truncate(size)
                del model[size:]
            elif step == "sync":
                file.sync()
            else:
                file.close()
                file = files.open("a")
            assert (file.read(), file.size()) == (model, len(model))
        file.close()
