"""The learner's own copy of the course, in workspace/: made once, kept up to date, never overwritten.

A manifest remembers each notebook's sources as they were copied. A notebook that still has those sources is the
course's, and a newer version may take its place. Any other is the learner's, and is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from evlab.course.data import course_folder
from evlab.errors import EvlabError

__all__ = ["Synced", "UnknownNotebook", "WorkspaceError", "cleared", "course_masters", "course_notebooks",
           "find_notebook", "reset", "saved_notebooks", "sync", "workspace_folder", "write_atomically"]

_FOLDERS = ("notebooks", "labs")


class UnknownNotebook(EvlabError):
    """No notebook of the course has that name, or more than one begins with it."""


class WorkspaceError(EvlabError):
    """The workspace cannot be written, or a notebook of the course cannot be read."""


@dataclass
class Synced:
    """What one `sync` did: names of notebooks such as "notebooks/03_when_delivery_fails.ipynb"."""

    copied: list[str] = field(default_factory=list)
    """New in the workspace."""
    replaced: list[str] = field(default_factory=list)
    """A newer version took the place of one that the learner had not changed."""
    left: list[str] = field(default_factory=list)
    """The course has a newer version, and the learner has changed theirs."""
    unreadable: list[str] = field(default_factory=list)
    """The learner's file is no notebook (half written, perhaps). It is left too."""

    def lines(self) -> list[str]:
        """What a learner should know, one line each; nothing if all is as it was."""
        lines = []
        if self.copied:
            lines.append(f"{_count(self.copied)} copied into workspace/")
        if self.replaced:
            lines.append(f"{_count(self.replaced)} brought up to date")
        if self.left:
            lines.append(f"the course has a newer {_short(self.left)}; yours has your changes and is left as it is. "
                         f"Next step: `evlab reset {_stem(self.left[0])}` keeps a copy of yours and takes the new one")
        if self.unreadable:
            lines.append(f"workspace/{self.unreadable[0]} is not a readable notebook and is left as it is. Next step: "
                         f"`evlab reset {_stem(self.unreadable[0])}` keeps it and takes the course's")
        return lines


def workspace_folder(course: pathlib.Path | None = None) -> pathlib.Path:
    """Where the learner works: workspace/ in the course's folder."""
    return (course or course_folder()) / "workspace"


def course_notebooks(course: pathlib.Path | None = None) -> dict[str, pathlib.Path]:
    """The course's notebooks and labs in course order: {"notebooks/00_start_here.ipynb": its path, ...}."""
    course = course or course_folder()
    return {f"{folder}/{path.name}": path for folder in _FOLDERS
            for path in sorted((course / folder).glob("*.ipynb")) if not path.name.startswith(("_", "."))}


def course_masters(course: pathlib.Path | None = None) -> dict[str, pathlib.Path]:
    """The masters of the labs, which hold solutions: {"labs/authoring/lab01/lab01_x.ipynb": its path, ...}. They never
    reach a workspace."""
    course = course or course_folder()
    return {f"labs/authoring/{path.parent.name}/{path.name}": path
            for path in sorted((course / "labs" / "authoring").glob("lab[0-9][0-9]/lab*.ipynb"))}


def saved_notebooks(course: pathlib.Path | None = None) -> dict[str, pathlib.Path]:
    """What is run and saved with its outputs, in course order: the notebooks, and of the labs their masters."""
    lessons = {name: path for name, path in course_notebooks(course).items() if name.startswith("notebooks/")}
    return lessons | course_masters(course)


def find_notebook(name: str, course: pathlib.Path | None = None, known: Iterable[str] | None = None) -> str:
    """The notebook that `name` means: "03", "lab02", "03_when_delivery_fails", with folder and ending or without.

    It is looked for among `known`, by default what learners get. Raises `UnknownNotebook` if `name` means none or more
    than one.
    """
    known = course_notebooks(course) if known is None else known
    wanted = name.replace("\\", "/").removeprefix("./").removeprefix("workspace/").removesuffix(".ipynb")
    folder, _, stem = wanted.rpartition("/")
    inside = [key for key in known if not folder or key.startswith(folder + "/")]
    exact = [key for key in inside if _stem(key) == stem]
    found = exact or [key for key in inside if stem and _stem(key).startswith(stem)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(_stem, found or known)) or "none, the course has no notebooks"
    raise UnknownNotebook(f"{name!r} means {len(found)} notebooks" if found else f"no notebook is called {name!r}",
                          next_step=f"name one of: {names}", name=name)


def sync(course: pathlib.Path | None = None) -> Synced:
    """Bring workspace/ up to date with the course. Running it again at once does nothing.

    1. What the learner changed is never overwritten, nor is a file that cannot be read as a notebook.
    2. A notebook with outputs goes to workspace/kept/ before a newer one takes its place.
    3. Each file is written whole or not at all, so a kill in the middle loses nothing: the next run goes on.
    """
    course = course or course_folder()
    workspace = workspace_folder(course)
    manifest = _read_manifest(workspace)
    done = Synced()
    with _writing(workspace):
        for folder in _FOLDERS:
            (workspace / folder).mkdir(parents=True, exist_ok=True)
        now = {}
        for name, path in course_notebooks(course).items():
            now[name] = _sync_one(name, _fresh(path), workspace, manifest.get(name), done)
        for name in manifest.keys() - now.keys():
            _retire(workspace / name, manifest[name])
        if now != manifest:
            write_atomically(_manifest_path(workspace), json.dumps(now, indent=1).encode() + b"\n")
    return done


def reset(name: str, course: pathlib.Path | None = None) -> tuple[pathlib.Path, pathlib.Path | None]:
    """Give the learner the course's own version of a notebook again, and keep theirs.

    Returns the notebook's path and where the learner's is kept (None if there was nothing of theirs to keep).
    """
    course = course or course_folder()
    workspace = workspace_folder(course)
    key = find_notebook(name, course)
    fresh = _fresh(course_notebooks(course)[key])
    target = workspace / key
    with _writing(workspace):
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = _keep(target) if target.exists() and target.read_bytes() != fresh else None
        write_atomically(target, fresh)
        manifest = _read_manifest(workspace) | {key: _entry(fresh)}
        write_atomically(_manifest_path(workspace), json.dumps(manifest, indent=1).encode() + b"\n")
    return target, kept


def cleared(notebook: dict) -> dict:
    """The notebook without outputs, counts and what a front end remembers: what a learner starts from."""
    cells = []
    for cell in notebook["cells"]:
        cell = dict(cell)
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
        cells.append(cell)
    metadata = {key: value for key, value in notebook.get("metadata", {}).items() if key != "widgets"}
    return notebook | {"cells": cells, "metadata": metadata}


def write_atomically(path: pathlib.Path, data: bytes) -> None:
    """Write the file whole or leave what was there: a reader, a crash or a full disk never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(part)


# ---------------------------------------------------------------------------------------------------- one notebook


def _sync_one(name: str, fresh: bytes, workspace: pathlib.Path, entry: dict | None, done: Synced) -> dict:
    """Bring one notebook up to date and return its entry in the manifest."""
    target, new = workspace / name, _entry(fresh)
    if not target.exists():
        write_atomically(target, fresh)
        done.copied.append(name)
        return new
    sources = _sources(target)
    if sources is None:
        done.unreadable.append(name)
        return entry or {}
    if not entry:  # the manifest was lost: what differs counts as the learner's
        entry = new if sources == new["sources"] else {}
    if sources not in (entry.get("sources"), new["sources"]):
        if entry.get("file") != new["file"]:
            done.left.append(name)
        return entry
    if entry["file"] != new["file"]:
        if any(cell.get("outputs") for cell in _parse(target.read_bytes())["cells"]):
            _keep(target)
        write_atomically(target, fresh)
        done.replaced.append(name)
    return new


def _retire(target: pathlib.Path, entry: dict) -> None:
    """A notebook that the course no longer has: out of the way with it, if the learner did not change it."""
    if target.exists() and _sources(target) == entry.get("sources"):
        _keep(target)
        target.unlink()


def _keep(target: pathlib.Path) -> pathlib.Path:
    """Copy the learner's file to workspace/kept/, under a name with the time that nothing else has."""
    folder = target.parent.parent / "kept"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    for number in itertools.count(1):
        kept = folder / f"{target.stem}.{stamp}{'' if number == 1 else f'-{number}'}.ipynb"
        with contextlib.suppress(FileExistsError):
            kept.touch(exist_ok=False)
            break
    write_atomically(kept, target.read_bytes())
    return kept


def _fresh(path: pathlib.Path) -> bytes:
    try:
        notebook = _parse(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(f"{path.parent.name}/{path.name} of the course cannot be read as a notebook",
                             why=str(error), next_step=f"run `git checkout -- {path.parent.name}/{path.name}`",
                             path=f"{path.parent.name}/{path.name}") from error
    return json.dumps(cleared(notebook), indent=1, ensure_ascii=False).encode() + b"\n"


def _parse(data: bytes) -> dict:
    """The notebook in `data`. Raises ValueError, KeyError or TypeError if it is none."""
    notebook = json.loads(data)
    for cell in notebook["cells"]:
        if not isinstance(cell["cell_type"], str) or not isinstance(cell["source"], str | list):
            raise ValueError("a cell has no source")
    return notebook


def _sources(path: pathlib.Path) -> str | None:
    """A digest of what stands in the cells, or None if the file is no notebook."""
    try:
        return _digest_of_sources(_parse(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _entry(fresh: bytes) -> dict:
    return {"sources": _digest_of_sources(json.loads(fresh)), "file": hashlib.sha256(fresh).hexdigest()}


def _digest_of_sources(notebook: dict) -> str:
    # JupyterLab adds an empty cell when the last one is run: that is no change
    cells = [[cell["cell_type"], source] for cell in notebook["cells"] if (source := "".join(cell["source"])).strip()]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


# ----------------------------------------------------------------------------------------------------- the manifest


def _manifest_path(workspace: pathlib.Path) -> pathlib.Path:
    return workspace / ".evlab" / "manifest.json"


def _read_manifest(workspace: pathlib.Path) -> dict[str, dict]:
    """What was copied. A manifest that is lost or damaged is empty: then every difference counts as the learner's."""
    try:
        manifest = json.loads(_manifest_path(workspace).read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(manifest, dict):
        return {}
    return {name: entry for name, entry in manifest.items() if isinstance(entry, dict)}


@contextlib.contextmanager
def _writing(workspace: pathlib.Path):
    try:
        yield
    except OSError as error:
        raise WorkspaceError(f"the workspace cannot be written: {error.strerror or error}",
                             why=f"{error.filename or workspace} is in the way, full or not yours to write",
                             next_step="free the disk or change the folder's owner, then start again",
                             path=str(workspace)) from error


def _stem(name: str) -> str:
    return pathlib.PurePosixPath(name).stem


def _count(names: list[str]) -> str:
    return "1 notebook" if len(names) == 1 else f"{len(names)} notebooks"


def _short(names: list[str]) -> str:
    """The notebooks by number, "03, 07 and lab02": one line holds them all."""
    numbers = [_stem(name).split("_")[0] for name in names]
    return numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} and {numbers[-1]}"
