"""What sets the course up: the package, the pinned environment, and the two commands of the Makefile."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
needs_make = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


def locked():
    """(name, version, marker, the pin's own lines) of each pin."""
    for pin in re.split(r"(?m)^(?=\S)", LOCK):
        if found := re.match(r"([\w.-]+)==([^\s;\\]+)(?: ; (.+?))?\s*\\?\n", pin):
            yield canonicalize_name(found[1]), found[2], found[3], pin


def test_the_conda_environment_asks_for_the_same_as_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, by_pip = environment["dependencies"]
    assert python == f"python{PROJECT['requires-python']}" and pip == "pip"
    assert by_pip["pip"] == [*sorted(PROJECT["dependencies"] + EXTRAS["lab"] + EXTRAS["dev"]), "-e ."]


def test_the_lock_pins_every_dependency_in_its_range_with_hashes_and_no_address():
    pins = list(locked())
    assert len(pins) == LOCK.count("==") - sum(pin.count("==", pin.index(";")) for _, _, marker, pin in pins if marker)
    for name, _, _, pin in pins:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", pin), f"{name} has no hash"
    assert not re.search(r"https?:|--index|--find-links|--trusted| @ |^-[a-z]", LOCK, re.M)
    here = {name: version for name, version, marker, _ in pins if not marker or Marker(marker).evaluate()}
    for line in PROJECT["dependencies"] + EXTRAS["lab"] + EXTRAS["dev"] + EXTRAS["bench"]:
        requirement = Requirement(line)
        version = here.get(canonicalize_name(requirement.name))
        assert version and requirement.specifier.contains(version), f"{line}: locked is {version}"


def test_importing_evlab_loads_nothing_heavy():
    code = ("import sys\nimport evlab, evlab.course\nprint(sorted({'pandas', 'matplotlib', 'ipywidgets', 'anywidget',"
            " 'rich', 'click', 'IPython', 'numpy', 'sqlite3'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_names_of_the_course_are_imported_when_first_used():
    import evlab.course

    assert "Progress" in dir(evlab.course) and "predict" in evlab.course.__all__
    for name in evlab.course.__all__:
        assert getattr(evlab.course, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        evlab.course.no_such_name  # noqa: B018 - the lookup is the test


def test_the_wheel_holds_the_settings_and_nothing_of_the_tests(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "evlab", tmp_path / "evlab", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text("")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=tmp_path, check=True,
                   capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"evlab/course/cli.py", "evlab/course/jupyterlab/overrides.json"} <= set(names)
    assert all(name.startswith(("evlab/", "evlab-")) for name in names)
    assert any(name.endswith("LICENSE") for name in names)


@pytest.mark.parametrize("name", ["Makefile", ".ci/run", "environment.yml", "pyproject.toml", "CONTRIBUTING.md",
                                  "LICENSE"])
def test_no_file_of_the_setup_names_an_address_or_a_path_of_a_machine(name):
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"https?://|/(?:home|root|Users)/", text)


def test_ci_is_a_script_that_can_be_run():
    mode = (ROOT / ".ci/run").stat().st_mode
    assert os.name == "nt" or mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci/run")]).returncode == 0
    assert "set -euo pipefail" in (ROOT / ".ci/run").read_text()


# --------------------------------------------------------- the Makefile, with a Python that only notes what it is asked

FAKE = """#!/bin/sh
# A Python for the Makefile's tests: it notes each call; FAIL names the one that fails.
here=$(dirname "$0")
echo "$*" >> "$CALLS"
case "$*" in *"$FAIL"*) [ -z "$FAIL" ] || exit 1;; esac
case "$*" in
*"print("*) echo ok;;
"-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
esac
exit 0
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with a space in its name: `checkout(target, fail=...)` runs make in it and returns the finished process
    and what Python was asked."""
    folder = tmp_path / "my course"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    fake = tmp_path / "fakepython"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    calls = tmp_path / "calls"

    def make(*arguments, fail="", python=str(fake)):
        calls.write_text("")
        of_make = ("MAKE", "MFLAGS", "ARGS", "NAMES")  # of the make that runs these tests
        environment = {name: value for name, value in os.environ.items() if not name.startswith(of_make)}
        process = subprocess.run(["make", *arguments, f"PYTHON={python}"], cwd=folder, capture_output=True, text=True,
                                 env=environment | {"CALLS": str(calls), "FAIL": fail}, stdin=subprocess.DEVNULL)
        return process, [line for line in calls.read_text().splitlines() if "print(" not in line and line != "-c "]

    make.folder = folder
    return make


@needs_make
def test_make_without_a_target_lists_the_commands(checkout):
    process, calls = checkout()
    for target in ("lab", "test", "bench", "soak", "notebooks", "labs", "format", "lock", "help"):
        assert f"make {target} " in process.stdout
    assert process.returncode == 0 and calls == []


@needs_make
def test_make_lab_sets_up_once_and_then_only_starts(checkout):
    process, calls = checkout("lab")
    assert process.returncode == 0, process.stderr
    assert any("--require-hashes -r requirements.lock" in call for call in calls)
    assert any("--no-deps --no-build-isolation -e ." in call for call in calls)
    assert calls[-1] == "-m evlab.course.cli lab"
    process, calls = checkout("lab", "ARGS=--no-browser --port 9000")
    assert calls == ["-m evlab.course.cli lab --no-browser --port 9000"]


@needs_make
def test_make_test_checks_the_style_and_runs_pytest(checkout):
    checkout("lab")
    assert checkout("test")[1] == ["-m ruff check .", "-m pytest -n auto --dist loadfile"], "no test is left out"
    assert checkout("test", "ARGS=tests/course -x")[1] == ["-m ruff check .", "-m pytest tests/course -x"]


@needs_make
def test_make_installs_again_what_a_changed_file_asks_for(checkout):
    checkout("lab")
    later = (checkout.folder / ".venv/.ready").stat().st_mtime + 10
    os.utime(checkout.folder / "pyproject.toml", (later, later))
    assert [call.split()[2] for call in checkout("lab")[1][:-1]] == ["install"]
    os.utime(checkout.folder / "requirements.lock", (later, later))
    assert ["--require-hashes" in call for call in checkout("lab")[1][:-1]] == [True, False]


@needs_make
def test_a_checkout_that_was_moved_is_installed_anew(checkout):
    checkout("lab")
    (checkout.folder / ".venv/.ready").write_text("/somewhere/else\n")
    assert [call.split()[-2:] for call in checkout("lab")[1][:-1]] == [["-e", "."]]


@needs_make
def test_an_environment_whose_python_is_gone_is_made_anew(checkout):
    checkout("lab")
    (checkout.folder / ".venv/bin/python").unlink()
    assert "-m venv .venv" in checkout("lab")[1]


@needs_make
@pytest.mark.parametrize(("fail", "cure"), [
    ("sys.version_info", "older than Python 3.11"), ("ensurepip", "python3-venv"), ("-m venv", "cannot be made"),
    ("--require-hashes", "check the network"), ("--no-deps", "pip.log")])
def test_what_is_missing_is_one_line_with_the_cure(checkout, fail, cure):
    process, _ = checkout("lab", fail=fail)
    lines = [line for line in process.stderr.splitlines() if not line.startswith("make")]
    assert process.returncode == 2 and len(lines) == 1
    assert lines[0].startswith("evlab: ") and cure in lines[0]
    assert checkout("lab")[0].returncode == 0, "the next try goes on"


@needs_make
def test_a_python_that_is_not_there_is_one_line_with_the_cure(checkout):
    process, _ = checkout("lab", python="no-such-python")
    (line,) = [line for line in process.stderr.splitlines() if not line.startswith("make")]
    assert "no-such-python is not installed" in line and "PYTHON=" in line
