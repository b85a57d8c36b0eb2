"""A course with two small labs of its own, and submissions to them, for the tests of the judge's commands."""

from __future__ import annotations

import json
import pathlib

CHECKS = '''
import os, signal
from evlab.course.judge import Lab, Port

lab = Lab("lab90", "Twice and tell")
q1 = lab.question("q1", "Twice", points=1, defines="twice")


@q1.check("twice as much", histories=6)
def doubles(case):
    number = case.pick(1, 50)
    got = case.call("twice", number)
    if got == "kill the judge":
        os.kill(os.getpid(), signal.SIGKILL)
    flag = os.path.join(os.environ.get("EVLAB_COURSE"), "was-killed")
    if got == "kill the judge once" and not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if got == "break the check":
        raise ZeroDivisionError("a mistake of the author")
    if got != 2 * number:
        case.blame("NOT_TWICE", f"twice({number}) is {2 * number}, and not {got!r:.60}")


q2 = lab.question("q2", "Tell", points=2.5, defines="tell")


@q2.check("everybody is told, once", histories=6)
def tells(case):
    names = ["email", "stock", "fraud"][:case.pick(1, 3)]

    def handler(name):
        return Port(name, lambda event: case.history.did("handle", event.key, node=name))

    case.call("tell", case.event(), [handler(name) for name in names])
    told = [entry.node for entry in case.history if entry.kind == "invoke"]
    for name in names:
        if told.count(name) != 1:
            case.blame("NOT_TOLD" if name not in told else "TOLD_TWICE", f"{name} was told {told.count(name)} times",
                       *case.entries())
'''
OTHER = '''
from evlab.course.judge import Lab

lab = Lab("lab91", "One word")
q1 = lab.question("q1", "Yes", points=2, defines="yes")


@q1.check("it says yes", histories=1)
def says_yes(case):
    if case.call("yes") != "yes":
        case.blame("NO", "it does not say yes")
'''
HINTS = """
[NOT_TWICE]
advice = "Add it to <itself>."
[NOT_TOLD]
advice = "Call everybody."
[TOLD_TWICE]
advice = "Once."
"""

TWICE = "# answer: lab90.q1\ndef twice(number):\n    return 2 * number\n"
TELL = "# answer: lab90.q2\ndef tell(event, handlers):\n    for handler in handlers:\n        handler(event)\n"
YES = "# answer: lab91.q1\ndef yes():\n    return 'yes'\n"
GAP = "# answer: lab90.q1\ndef twice(number):\n    raise NotImplementedError\n"
NO_TELL = "# answer: lab90.q2\ndef tell(event, handlers):\n    raise NotImplementedError\n"


def twice(body: str) -> str:
    """An answer to q1 with that body, and the right one to q2."""
    return notebook("# answer: lab90.q1\nimport os, sys\ndef twice(number):\n" +
                    "".join(f"    {line}\n" for line in body.split("\n")), TELL)


def notebook(*sources: str) -> str:
    cells = [{"id": f"c{n}", "cell_type": "code", "metadata": {}, "source": source, "outputs": [],
              "execution_count": None} for n, source in enumerate(sources)]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def make_course(folder: pathlib.Path) -> pathlib.Path:
    """A course with lab90 and lab91."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "data/hints.toml").write_text('[NOT_ANSWERED]\nadvice = "Fill the gap."\n')
    for name, checks in (("lab90", CHECKS), ("lab91", OTHER)):
        (folder / "labs/authoring" / name).mkdir(parents=True)
        (folder / "labs/authoring" / name / "checks.py").write_text(checks)
        (folder / "labs/authoring" / name / "hints.toml").write_text(HINTS if name == "lab90" else "")
    return folder


def hand_in(folder: pathlib.Path, files: dict[str, str | bytes]) -> pathlib.Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
