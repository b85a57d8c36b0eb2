"""README.md says what is so: its code runs, its pictures are drawn by the code, its links lead somewhere."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

from evlab.course.map import lessons

ROOT = pathlib.Path(__file__).parent.parent
TEXTS = {path.name: path.read_text("utf-8") for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md")}


def test_the_code_in_the_readme_runs_and_finds_its_failure(capsys):
    [code] = re.findall(r"```python\n(.*?)```", TEXTS["README.md"], re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert said.startswith("duplicate: email received order-") and "Replay: World(" in said


def test_the_pictures_are_what_the_code_draws():
    script = ROOT / "docs" / "make_pictures.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_to_a_file_of_the_project(name):
    links = re.findall(r"\]\(([^)#\s]+)", TEXTS[name])
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_map_lists_just_the_notebooks_that_exist_with_their_own_words():
    rows = re.findall(r"^\| (\d\d) \| \[([^]]+)\]\(notebooks/([^)]+)\) \| (.+?) \| (\d+) \|$", TEXTS["README.md"], re.M)
    own = [(one.number, one.title, one.question, str(one.minutes)) for one in lessons()]
    assert [(number, title, question, minutes) for number, title, _, question, minutes in rows] == own


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    pairs = re.findall(r"`make ([a-z]+)|^make ([a-z]+)$", "\n".join(TEXTS.values()), re.M)
    named = {one or other for one, other in pairs}
    assert {"lab", "test"} <= named <= targets
