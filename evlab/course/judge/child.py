"""The process in which an answer runs: it does what the judge says, one message at a time, and knows nothing else.

As a template (Linux) it forks one process an actor: that takes 2 ms, a fresh Python 50. Elsewhere each actor is a fresh
Python. Either way it imports what answers use and gives up its right to open files; then the actor closes its cage,
loads the answer's code, and runs it in a namespace that is new for each history.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import os
import socket
import sys
import warnings

from evlab.course.judge import cage
from evlab.course.judge.stage import Actor, Channel

CPU_SECONDS = 120
"""CPU time of one actor in all; a call and a history have far less, and the judge counts it."""
MEMORY = 256 * 2**20
ASIDE = ("Event", "EvlabError", "Timeout", "WrongExpectedVersion")
"""Names of evlab that an answer may import: the rest is what it is asked to build."""
USUAL = ("abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal", "enum",
         "fractions", "functools", "hashlib", "heapq", "inspect", "itertools", "json", "math", "operator",
         "queue", "random", "re", "statistics", "string", "struct", "time", "types", "typing", "uuid")
"""What answers use, imported beforehand."""


class OnlyTheEvent:
    """Keeps the rest of evlab out of an answer, as it is what the answer is asked to build, and what is not Python's.

    The cage lets nobody read such a package anyway; this says so in words, before a file is refused by its path.
    """

    def find_spec(self, name: str, path=None, target=None):
        first = name.partition(".")[0]
        if first == "evlab":
            raise ImportError(f"an answer cannot import {name}: it is what you are asked to build. "
                              f"From evlab there are {', '.join(ASIDE)}")
        if first not in sys.stdlib_module_names and not first.startswith("_"):  # the library has unlisted ones
            raise ImportError(f"an answer cannot import {name}: it has Python's own library, and nothing else")
        return None


def no_sleep(seconds: float) -> None:
    raise RuntimeError("time.sleep stops the whole process on the real clock, and everybody who waits for it. "
                       "Ask for a later call instead: env.after(seconds, call)")


def warned(message, category, filename: str, line: int, source: str | None = None) -> str:
    """A warning as a line. It has a place if that is the answer's, and not one on the judge's machine."""
    place = f"{filename}:{line}: " if filename.startswith("<answer ") else ""
    return f"{place}{category.__name__}: {message}\n"


def no_input(prompt: object = "") -> str:
    raise RuntimeError("nobody is there to type an answer")


def prepare(lacks: list[str]) -> tuple[int, list[str]]:
    """Import what answers use, put the friendly errors in place, and give up the right to open files.

    Returns the address space that is used now, and what of the cage holds.
    """
    quiet()
    for name in USUAL:
        with contextlib.suppress(ImportError):  # some system Pythons come without some
            __import__(name)
    import time

    import evlab

    for name in ASIDE:
        getattr(evlab, name)
    time.sleep = no_sleep
    builtins.input = no_input
    warnings.formatwarning = warned
    builtins.exit = builtins.quit = sys.exit
    sys.meta_path.insert(0, OnlyTheEvent())
    sys.argv = ["answer"]
    os.environ.clear()
    cage.filter_code()
    gc.collect()
    gc.freeze()  # nothing of this is garbage: a collection in an actor would copy each page that the template shares
    return cage.address_space(), [] if "files" in lacks else cage.lock_files()


def run_actor(read: int, write: int, used: int, held: list[str], lacks: list[str]) -> None:
    """Close the cage, say what holds, and serve."""
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):
            os.setsid()
    held = [*held, *cage.limit(CPU_SECONDS, MEMORY, used)]
    held += cage.change_user(read_all="files" in held and "calls" not in lacks)
    cage.stay_private()  # after the change of user, which opens both doors again
    held += [] if "calls" in lacks else cage.filter_calls()
    actor = Actor(Channel(read, write))
    actor.channel.send(["ready", *held])
    try:
        actor.serve()
    finally:
        os._exit(0)


def run_template(link: socket.socket, *prepared) -> None:
    """Fork an actor for each pair of descriptors that comes over the link; reap those that the judge names."""
    link.sendall(b"ready\n")
    while True:
        said, descriptors, _, _ = socket.recv_fds(link, 64, 2)
        if not said:
            os._exit(0)
        if descriptors:
            pid = os.fork()
            if pid == 0:
                link.close()
                run_actor(*descriptors, *prepared)
            for descriptor in descriptors:
                os.close(descriptor)
            link.sendall(b"%d\n" % pid)
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(said), 0)
            link.sendall(b"reaped\n")


def quiet() -> None:
    """What is written to the standard descriptors goes nowhere: an answer's prints are kept elsewhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)


def main(arguments: list[str]) -> None:
    """The role, "template" or "spawned", then the parts of the cage to leave open. The judge is at descriptors 0 and 1,
    the template's at 0 alone."""
    role, *lacks = arguments
    read, write = os.dup(0), os.dup(1)
    used, held = prepare(lacks)
    if role == "template":
        os.close(write)
        run_template(socket.socket(fileno=read), used, held, lacks)
    run_actor(read, write, used, held, lacks)
