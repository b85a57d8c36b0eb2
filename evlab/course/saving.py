"""Run a notebook as a reader would, and save it with its outputs so that every machine saves the same file.

`make notebooks` calls `save`. What it writes is replayed by the tests (BOOK-1) and is safe to open (BOOK-2).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from evlab.course.book import Book, join
from evlab.course.data import course_folder
from evlab.course.rules import KERNELSPEC, LANGUAGE, Fault, check
from evlab.course.workspace import course_notebooks, find_notebook, saved_notebooks, write_atomically

__all__ = ["BLOCKING", "CELL_SECONDS", "Saved", "kernel_environment", "normalise", "save", "this_python"]

BLOCKING = ("errors", "stderr", "size")
"""Rules that keep a notebook from being written. Other faults are reported, and the file is there to look at."""
CELL_SECONDS = 120
"""How long one cell may run."""
_KEPT_METADATA = ("tags", "jupyter")
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass
class Saved:
    """What became of one notebook."""

    name: str
    seconds: float
    failure: str = ""
    """Why it did not run to its end, or ""."""
    faults: list[Fault] = field(default_factory=list)
    changed: bool = False
    """Whether the file on disk is another one now."""

    @property
    def ok(self) -> bool:
        return not self.failure and not self.faults


def save(names: Iterable[str] = (), *, course: pathlib.Path | None = None, jobs: int = 2,
         done: Callable[[Saved], None] = lambda saved: None) -> list[Saved]:
    """Run the notebooks named (all of them, by default), `jobs` at a time, and save each with its outputs.

    Of a lab it is the master that runs: what learners get holds gaps and no outputs (`make labs`).
    1. Each runs in a kernel and an empty folder of its own, with EVLAB_SAVED=1 and PYTHONHASHSEED=0.
    2. A notebook that fails, warns or is too large is not written. Each file is written whole or not at all.
    3. `done` is called as each notebook ends. The answer is in course order.
    """
    course = course or course_folder()
    known = saved_notebooks(course)
    chosen = sorted({find_notebook(name, course, known) for name in names}, key=list(known).index) or list(known)
    linked = {*course_notebooks(course), *(f"labs/{path.name}" for path in known.values())}
    with tempfile.TemporaryDirectory(prefix="evlab-") as scratch:
        environment = kernel_environment(pathlib.Path(scratch), course, PYTHONHASHSEED="0", TZ="UTC")

        async def one(name: str, turn: asyncio.Semaphore) -> Saved:
            async with turn:
                folder = pathlib.Path(scratch, "work", name)
                folder.mkdir(parents=True)
                saved = await _save_one(name, known[name], linked, folder, environment)
            done(saved)
            return saved

        async def all_of_them() -> list[Saved]:
            turn = asyncio.Semaphore(jobs)
            return await asyncio.gather(*(one(name, turn) for name in chosen))

        with ThreadPoolExecutor(1) as own_thread:  # the caller, a notebook perhaps, may have a running loop in this one
            return own_thread.submit(lambda: asyncio.run(all_of_them())).result()


def kernel_environment(scratch: pathlib.Path, course: pathlib.Path, **more: str) -> dict[str, str]:
    """The environment in which a notebook is saved or replayed: nothing of this user's settings reaches it.

    `scratch` is an empty folder that takes what the kernels write. Matplotlib's list of fonts is made there first,
    because a kernel that had to make it would say so in a notebook's output.
    """
    named = ("EVLAB_", "MPL", "MATPLOTLIB", "IPYTHON", "JUPYTER", "PYTHONWARNINGS", "PYTEST_", "COLUMNS", "LINES")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    environment |= {"EVLAB_SAVED": "1", "EVLAB_HOME": str(scratch / "home"), "EVLAB_COURSE": str(course),
                    "IPYTHONDIR": str(scratch / "ipython"), "MPLCONFIGDIR": str(scratch / "matplotlib"),
                    "JUPYTER_CONFIG_DIR": str(scratch / "config"), "JUPYTER_DATA_DIR": str(scratch / "data"),
                    "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"), "PYTHONUTF8": "1", **more}
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env=environment, cwd=scratch,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return environment


def this_python(asynchronous: bool = True):
    """A kernel manager whose kernel is the Python that runs now, whatever kernels the user has installed."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager, KernelManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            return self.kernel_spec_class(resource_dir=RESOURCES, **get_kernel_dict())

    manager = AsyncKernelManager if asynchronous else KernelManager
    return manager(kernel_name="python3", kernel_spec_manager=ThisPython())


def normalise(notebook: dict, stem: str) -> dict:
    """The notebook without what differs from machine to machine, and without what no reader can see.

    Widget views and state, times, versions and an editor's marks go; cells keep their ids, and one without an id
    gets one that depends on `stem`, its place and its text alone.
    """
    taken: set[str] = set()
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        id, source = cell.get("id"), join(cell["source"])
        if not id or id in taken:
            id = hashlib.sha256(f"{stem}\0{number}\0{source}".encode()).hexdigest()[:8]
        taken.add(id)
        metadata = {key: cell["metadata"][key] for key in _KEPT_METADATA if cell.get("metadata", {}).get(key)}
        clean = {**cell, "id": id, "metadata": metadata, "source": source}
        if cell["cell_type"] == "code":
            outputs = map(_without_view, cell.get("outputs", []))
            clean["outputs"] = _joined([output for output in outputs if output.get("data", True)])
            clean["execution_count"] = cell.get("execution_count")
        cells.append(clean)
    metadata = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE}
    if "evlab" in notebook.get("metadata", {}):
        metadata["evlab"] = notebook["metadata"]["evlab"]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _without_view(output: dict) -> dict:
    if _WIDGET_VIEW not in output.get("data", {}):
        return output
    output = {**output, "data": dict(output["data"]), "metadata": dict(output.get("metadata", {}))}
    output["data"].pop(_WIDGET_VIEW)
    output["metadata"].pop(_WIDGET_VIEW, None)
    return output


def _joined(outputs: list[dict]) -> list[dict]:
    """What a cell prints comes in pieces that depend on the kernel's timing: one stream, one output."""
    joined: list[dict] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and last.get("output_type") == "stream" and last["name"] == output["name"]:
            joined[-1] = {**last, "text": join(last["text"]) + join(output["text"])}
        else:
            joined.append(output)
    return joined


async def _save_one(name: str, path: pathlib.Path, linked: set[str], folder: pathlib.Path, environment: dict) -> Saved:
    began = time.monotonic()
    before = path.read_bytes()
    notebook = normalise(json.loads(before), path.stem)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    notebook, failure = await _run(notebook, folder, environment | {"IPYTHONDIR": str(folder.with_suffix(".ipython"))})
    seconds = time.monotonic() - began
    if failure:
        return Saved(name, seconds, failure)
    import nbformat

    data = (nbformat.writes(nbformat.from_dict(normalise(notebook, path.stem))).rstrip("\n") + "\n").encode()
    faults = check(Book(json.loads(data), name, size=len(data), known=linked))
    changed = data != before and not any(fault.rule in BLOCKING for fault in faults)
    if changed:
        write_atomically(path, data)
    return Saved(name, seconds, "", faults, changed)


async def _run(notebook: dict, folder: pathlib.Path, environment: dict) -> tuple[dict, str]:
    """Execute the notebook and return it with why it stopped early, or ""."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    node = nbformat.from_dict(notebook)
    client = NotebookClient(node, km=this_python(), timeout=CELL_SECONDS, record_timing=False, store_widget_state=False,
                            resources={"metadata": {"path": str(folder)}})
    reached = 0

    def note(cell, cell_index: int) -> None:
        nonlocal reached
        reached = cell_index + 1

    client.on_cell_start = note
    log = open(folder.with_suffix(".log"), "w+", encoding="utf-8")  # noqa: SIM115 - closed below
    try:
        await client.async_execute(env=environment, stderr=log)
    except CellExecutionError as error:
        return node, f"cell {reached}: {error.ename}: {error.evalue}"
    except CellTimeoutError:
        return node, f"cell {reached}: still running after {CELL_SECONDS} s"
    except DeadKernelError:
        return node, f"cell {reached}: the kernel died"
    except RuntimeError as error:
        log.seek(0)
        return node, f"the kernel did not start: {error}\n{log.read()[-2000:]}"
    finally:
        log.close()
        if client.kc is not None:
            client.kc.stop_channels()
        with contextlib.suppress(Exception):
            await client.km.shutdown_kernel(now=True)
    return node, ""
