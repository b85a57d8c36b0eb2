"""Single keys from a terminal, on Unix and Windows; lines where the input is a pipe or a file."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["BACK", "END", "ENTER", "OTHER", "Keys"]

ENTER, BACK, OTHER, END = "enter", "back", "other", "end"
"""Keys that are no character: Enter; Backspace; an arrow and the like; the end of the input."""


class Keys:
    """`key()` waits for one key, `line()` for a line; `with Keys() as keys` leaves the terminal as it was.

    Without a terminal each line's characters are keys, and an empty line is Enter, so a pipe can play the learner:
    "2", "" and "q" on three lines choose the second option, go on, and quit.
    """

    def __init__(self, source: TextIO | None = None):
        self._source = source or sys.stdin
        self._waiting: deque[str] = deque()
        self._before: Any = None  # how the terminal was, while it gives single keys
        self.terminal = self._source.isatty()
        """Whether a person is at the keys."""

    def __enter__(self) -> Keys:
        if self.terminal:
            self._give_keys()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_lines()

    def key(self) -> str:
        """The next key: one character, or ENTER, BACK, OTHER or END. Ctrl-C raises KeyboardInterrupt as ever."""
        while not self._waiting:
            if not self.terminal:
                line = self._source.readline()
                if not line:
                    return END
                self._waiting.extend(line.strip() or [ENTER])
            elif os.name == "nt":
                self._waiting.append(_windows())
            else:
                self._give_keys()
                self._waiting.extend(_unix(self._source.fileno()))
        return self._waiting.popleft()

    def line(self, prompt: str) -> str | None:
        """The next line without its end, or None at the end of the input. A terminal shows `prompt`."""
        if self.terminal:
            self._give_lines()
            try:
                return input(prompt).strip()
            except EOFError:
                return None
        if self._waiting:  # the rest of a line whose first characters were taken as keys
            rest = "".join(one for one in self._waiting if one != ENTER)
            self._waiting.clear()
            return rest
        line = self._source.readline()
        return line.strip() if line else None

    def _give_keys(self) -> None:
        """Each key at once and unseen; Ctrl-C and Ctrl-Z still work, unlike in raw mode. Nothing typed is dropped."""
        if os.name != "nt":
            import termios
            import tty

            self._before = self._before or termios.tcgetattr(self._source.fileno())
            tty.setcbreak(self._source.fileno(), termios.TCSADRAIN)  # its own default drops what was typed ahead

    def _give_lines(self) -> None:
        """As the terminal was, so that a line can be edited."""
        if self._before is not None:
            import termios

            termios.tcsetattr(self._source.fileno(), termios.TCSADRAIN, self._before)
            self._before = None


def _unix(fd: int) -> Iterator[str]:
    """The keys of one press. An arrow comes as several bytes at once; a pasted text as many keys."""
    import select

    data = os.read(fd, 1024)
    while not _whole(data) and select.select([fd], [], [], 0.02)[0]:
        data += os.read(fd, 1024)
    if not data:
        return iter([END])
    if data.startswith(b"\x1b"):
        return iter([OTHER])
    return map(_named, data.decode("utf-8", "replace"))


def _whole(data: bytes) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        data.decode()
        return True
    return False


def _windows() -> str:
    import msvcrt

    got = msvcrt.getwch()  # type: ignore[attr-defined]
    if got in "\x00\xe0":  # an arrow or a function key: its second half follows
        msvcrt.getwch()  # type: ignore[attr-defined]
        return OTHER
    if got == "\x03":
        raise KeyboardInterrupt
    return _named(got)


def _named(character: str) -> str:
    return {"\r": ENTER, "\n": ENTER, "\x7f": BACK, "\x08": BACK, "\x04": END, "\x1a": END}.get(
        character, character if character.isprintable() else OTHER)
