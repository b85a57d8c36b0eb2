"""RESULTS.md, a section for each benchmark: each writes its own and leaves the others as they are."""

from __future__ import annotations

import os
import pathlib
import platform
import re
from datetime import UTC, datetime

__all__ = ["machine", "save", "table"]

FILE = pathlib.Path(__file__).parent / "RESULTS.md"
HEAD = """# Benchmarks

Each section names the command that writes it, the machine and the day. Nothing here is a test: a slow machine makes a
slow table, never a red one.
"""


def save(title: str, text: str) -> None:
    """Put `text` under the heading `title`, in place of what stood there."""
    before = FILE.read_text("utf-8") if FILE.exists() else ""
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", before, re.MULTILINE | re.DOTALL))
    sections[title] = text
    body = "\n".join(f"## {name}\n\n{content.strip()}\n" for name, content in sections.items())
    FILE.write_text(f"{HEAD}\n{body}".rstrip() + "\n", encoding="utf-8")


def table(head: str, rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; `head` has the columns, with | between them."""
    columns = head.split("|")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def machine() -> str:
    """The processor, the system and the day, in a sentence."""
    model = ""
    if os.path.exists("/proc/cpuinfo"):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = f"{names[0]}, " if names else ""
    system = f"{platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()}"
    return f"Machine: {model}{os.cpu_count()} cores, {system}, {python}. {datetime.now(UTC):%Y-%m-%d}."
