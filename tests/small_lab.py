"""The small lab of labs/authoring/README.md, built into a course folder of its own."""

from __future__ import annotations

import pathlib
import re
import shutil

import nbformat
from nbformat import v4

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "labs" / "authoring" / "README.md"
NAME = "lab90"
MASTER = "lab90_a_total_you_can_trust.ipynb"


def files_of_the_readme() -> dict[str, str]:
    """Each file that the page shows, by the name above it."""
    return dict(re.findall(r"(?ms)^\*\*`([^`]+)`\*\*[^\n]*\n\n```\w+\n(.*?)^```", README.read_text("utf-8")))


def notebook_of(text: str) -> nbformat.NotebookNode:
    """A notebook from cells that `# %%` divides."""
    cells = []
    for part in re.split(r"(?m)^# %%", text)[1:]:
        kind, _, source = part.partition("\n")
        source = source.rstrip("\n")
        cells.append(v4.new_markdown_cell(re.sub(r"(?m)^# ?", "", source)) if "markdown" in kind else
                     v4.new_code_cell(source))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return v4.new_notebook(cells=cells)


def small_course(folder: pathlib.Path) -> pathlib.Path:
    """A course with this one lab, its learner's notebook not written yet."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "data").mkdir()
    shutil.copy(ROOT / "data" / "hints.toml", folder / "data")
    for name, text in files_of_the_readme().items():
        path = folder / "labs" / "authoring" / NAME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == MASTER:
            nbformat.write(notebook_of(text), path)
        else:
            path.write_text(text, encoding="utf-8")
    return folder
