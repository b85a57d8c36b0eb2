"""Is this machine ready for the course? Each check says OK, or FAIL with the cure."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from typing import NamedTuple

from evlab.course.data import course_folder
from evlab.course.progress import Progress, saved_mode
from evlab.errors import EvlabError

__all__ = ["Finding", "Report", "report"]

_PYTHON = (3, 11)
_SQLITE = (3, 35, 0)  # the first with RETURNING
_KERNEL_SECONDS = 60
_REINSTALL = "run `make lab` (or `pip install -e \".[lab]\"`) in the course's folder"


class Finding(NamedTuple):
    """The outcome of one check."""

    check: str
    ok: bool
    detail: str
    """What was found: a version, a path, a number."""
    cure: str
    """What to do; empty when `ok`."""


class Report:
    """All findings. The last expression of a cell shows it as a table.

    While a notebook is saved (EVLAB_SAVED=1) it shows names and OK alone, so the output is the same on each machine.
    """

    def __init__(self, findings: list[Finding]):
        self.findings = findings

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def rows(self) -> list[tuple[str, str, str]]:
        """(check, "OK" or "FAIL", detail or cure) of each finding."""
        rows = []
        for finding in self.findings:
            remark = finding.detail if finding.ok else f"{finding.detail}. Next step: {finding.cure}"
            rows.append((finding.check, "OK" if finding.ok else "FAIL", "" if saved_mode() else remark))
        return rows

    def __str__(self) -> str:
        bad = sum(not finding.ok for finding in self.findings)
        head = f"{bad} of {len(self.findings)} checks FAIL" if bad else f"All {len(self.findings)} checks are OK"
        width = max(len(finding.check) for finding in self.findings)
        return "\n".join([head, *(f"  {status:4}  {check:{width}}  {remark}".rstrip()
                                  for check, status, remark in self.rows())])

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        from evlab.widgets.card import card, table

        text = str(self)
        rows = [list(row if not saved_mode() else row[:2]) for row in self.rows()]
        head = ["check", "result"] if saved_mode() else ["check", "result", "found"]
        return {"text/plain": text, "text/html": card(table(head, rows, text.split("\n")[0]), label="Doctor")}


def report() -> Report:
    """Run every check. Never raises: a check that fails in an unexpected way is a FAIL with its error."""
    findings = []
    for name, check in _CHECKS.items():
        try:
            detail, cure = check()
        except EvlabError as error:
            detail, cure = error.what, error.next_step
        except Exception as error:  # noqa: BLE001 - a doctor examines, it does not die
            detail, cure = f"{type(error).__name__}: {error}", _REINSTALL
        findings.append(Finding(name, not cure, detail, cure))
    return Report(findings)


# ------------------------------------------------- the checks: each returns what it found, and the cure or ""


def _python() -> tuple[str, str]:
    wanted = ".".join(map(str, _PYTHON))
    cure = f"install Python {wanted} or newer, then `make lab PYTHON=python{wanted}`"
    cure = "" if sys.version_info >= _PYTHON else cure
    return ".".join(map(str, sys.version_info[:3])), cure


def _packages() -> tuple[str, str]:
    """Missing or outside the declared range is a FAIL. Another version than the locked one works, and is named."""
    from packaging.requirements import Requirement

    wrong, other, count = [], [], 0
    locked = dict(_locked())
    for line in _declared():
        requirement = Requirement(line)
        count += 1
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
        elif locked.get(requirement.name.lower(), version) != version:
            other.append(f"{requirement.name} {version}")
    if wrong:
        return ", ".join(wrong), _REINSTALL
    if other:
        return f"{count} packages; other versions than in requirements.lock: {', '.join(other)}", ""
    return f"{count} packages, as in requirements.lock" if locked else f"{count} packages", ""


def _kernel() -> tuple[str, str]:
    """In a notebook there is nothing to start: the kernel that runs this line works."""
    shell = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None and "ipykernel" in sys.modules:
        return "this notebook's kernel runs", ""
    from evlab.course.saving import this_python

    answers: list[str] = []

    def hear(message: dict) -> None:
        answers.append(message["content"].get("data", {}).get("text/plain", ""))

    with tempfile.TemporaryDirectory(prefix="evlab-") as folder:
        manager = this_python(asynchronous=False)
        manager.start_kernel(env=os.environ | {"IPYTHONDIR": folder}, cwd=folder, stderr=subprocess.DEVNULL)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=_KERNEL_SECONDS)
            client.execute_interactive("1 + 1", timeout=_KERNEL_SECONDS, store_history=False, output_hook=hear)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    if "2" not in answers:
        return f"a kernel started and answered 1 + 1 with {''.join(answers) or 'nothing'}", _REINSTALL
    return "a kernel starts and computes", ""


def _workspace() -> tuple[str, str]:
    folder = course_folder() / "workspace"
    where = folder if folder.exists() else folder.parent
    try:
        with tempfile.TemporaryFile(dir=where) as file:
            file.write(b"1")
    except OSError as error:
        return f"{where}: {error.strerror}", "free the disk, or change the owner of the course's folder to yourself"
    return str(folder), ""


def _port() -> tuple[str, str]:
    """JupyterLab and its kernels talk over the loopback interface."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        return f"no connection to 127.0.0.1 ({error})", "allow connections to 127.0.0.1 in the firewall"
    return "127.0.0.1 answers", ""


def _sqlite() -> tuple[str, str]:
    cure = "use another Python: its SQLite comes with it"
    if sqlite3.sqlite_version_info < _SQLITE:
        return f"{sqlite3.sqlite_version} is older than {'.'.join(map(str, _SQLITE))}", cure
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError:
        return f"{sqlite3.sqlite_version} has no full-text search (FTS5)", cure
    finally:
        database.close()
    return f"{sqlite3.sqlite_version} with full-text search", ""


def _progress() -> tuple[str, str]:
    progress = Progress()
    if fault := progress.damage():
        return (f"{progress.path or 'no file'}: {fault}",
                "make its folder writable; if the file is damaged, `evlab progress` keeps it and begins a new one")
    return str(progress.path), ""


def _browser() -> tuple[str, str]:
    """Only a note: without a browser here, `evlab lab` prints an address to open elsewhere."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        return "none found here; `evlab lab --no-browser` prints the address to open", ""
    return "found", ""


_CHECKS: dict[str, Callable[[], tuple[str, str]]] = {
    "Python": _python, "packages": _packages, "notebook kernel": _kernel, "workspace": _workspace,
    "local connections": _port, "SQLite": _sqlite, "progress file": _progress, "browser": _browser}


def _declared() -> list[str]:
    """What the course needs to run: the dependencies of the package and of its extra `lab`."""
    project = pathlib.Path(__file__).resolve().parents[2] / "pyproject.toml"
    if project.exists():
        import tomllib

        declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        return declared["dependencies"] + declared["optional-dependencies"]["lab"]
    lines = [line for line in importlib.metadata.requires("evlab") or [] if "extra ==" not in line or "'lab'" in line
             or '"lab"' in line]
    return [line.partition(";")[0] for line in lines]


def _locked() -> Iterator[tuple[str, str]]:
    """(name, version) of what requirements.lock pins for this machine."""
    from packaging.markers import Marker

    lock = pathlib.Path(__file__).resolve().parents[2] / "requirements.lock"
    if lock.exists():
        for name, version, marker in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)(?: ; (.+?))? \\?$",
                                                lock.read_text(encoding="utf-8")):
            if not marker or Marker(marker).evaluate():
                yield name.lower(), version
