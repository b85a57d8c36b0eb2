"""The entry point of the `evlab` command: runs it, and turns every mistake of a user into one line."""

from __future__ import annotations

import contextlib
import os
import sys

from evlab.errors import EvlabError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run `evlab` with these arguments (the command line's by default) and return its exit code.

    0 is success, 1 a check that fails, 2 a mistake of the user: one line says what it is and the next step.
    """
    try:
        _make_streams_safe()
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
    except BrokenPipeError:  # as in `evlab progress | head -1`
        _forget_output()
        return 0
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
    print(" ".join(line.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
