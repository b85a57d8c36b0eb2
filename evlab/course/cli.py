"""The entry point of the `evlab` command: runs it, and turns every mistake of a user into one line."""

from __future__ import annotations

import contextlib
import os
import sys

from evlab.errors import EvlabError

__all__ = ["main"]

READER_LEFT = 128 + 13
"""The exit code of a program that SIGPIPE (13) ended: neither a success nor a check that fails."""


class _ReaderLeft(Exception):
    """Nobody reads the output any more."""


class _Output:
    """A stream whose reader may leave. click and rich would take a `BrokenPipeError` for a check that fails, and end
    with 1; of this error they know nothing."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            raise _ReaderLeft from None

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise _ReaderLeft from None

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


def main(arguments: list[str] | None = None) -> int:
    """Run `evlab` with these arguments (the command line's by default) and return its exit code.

    0 is success, 1 a check that fails, 2 a mistake of the user: one line says what it is and the next step. 130 is
    Ctrl-C. 141 is a reader of the output who left before its end, as in `evlab drill --all | head`: it ends there and
    says nothing. These two are a shell's own numbers, 128 and the signal's.
    """
    try:
        _make_streams_safe()
        with contextlib.redirect_stdout(_Output(sys.stdout) if sys.stdout is not None else None):
            code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except EvlabError as error:
        return _mistake(f"{error.what} ({error.why})" if error.why else error.what, error.next_step)
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("evlab"):
            raise
        return _mistake(f"the package {error.name} is not installed",
                        "run `make lab`, or `pip install -e \".[lab]\"` in the course's folder")
    except (_ReaderLeft, BrokenPipeError):
        _forget_output()
        return READER_LEFT
    except OSError as error:  # a disk that is full, a file in the way
        if error.filename is None:
            _forget_output()
        return _mistake(f"{error.filename or 'the output'} cannot be used: {error.strerror or error}",
                        "free the disk, or name a place that is yours")


def _run(arguments: list[str] | None) -> int:
    import click

    from evlab.course.commands import evlab

    try:
        evlab.main(args=arguments, prog_name="evlab", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "evlab"
        return _mistake(error.format_message().rstrip("."), f"see `{command} --help`")
    except click.Abort:
        return 130
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _make_streams_safe() -> None:
    """A terminal that lacks a letter shows a question mark in its place; a closed input is an empty one."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - as long as the process


def _forget_output() -> None:
    """Python writes what is left of the output when it ends, and would complain again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _mistake(what: str, next_step: str) -> int:
    line = f"evlab: {what}; {next_step}" if next_step else f"evlab: {what}"
    with contextlib.suppress(BrokenPipeError):  # nobody reads the mistakes
        print(" ".join(line.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
