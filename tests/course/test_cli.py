"""The `evlab` command, as a learner types it: one clear line for a mistake, never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from evlab.course.doctor import Finding, Report, report
from evlab.course.progress import Progress
from evlab.course.standing import standings
from evlab.event import Event
from evlab.store import EventStore


def cells(*sources):
    code = [{"id": f"c{n}", "cell_type": "code", "metadata": {}, "source": source, "outputs": [],
             "execution_count": None} for n, source in enumerate(sources)]
    return json.dumps({"cells": code, "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
                       "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def course(tmp_path):
    course = tmp_path / "course"
    (course / "notebooks").mkdir(parents=True)
    (course / "labs").mkdir()
    (course / "notebooks/00_start_here.ipynb").write_text(cells("answer = 6 * 7", "answer"))
    (course / "notebooks/01_events.ipynb").write_text(cells(
        'predict("01.fanout", "How many?", ["1", "3"])', 'guess = predict(id="01.late", prompt="How late?")',
        'quiz("01.fact", "Which is a fact?", {"a": "yes", "b": "no"}, "a")'))
    (course / "labs/lab01_bus.ipynb").write_text(cells("answer()", 'check("lab01.q1")', 'check("lab01.q2")'))
    return course


@pytest.fixture
def evlab(course, tmp_path):
    """`evlab(*arguments)` in a process of its own. Returns the finished process."""
    environment = os.environ | {"EVLAB_COURSE": str(course), "EVLAB_HOME": str(tmp_path / "home"), "COLUMNS": "120"}

    def run(*arguments, **more):
        return subprocess.run([sys.executable, "-m", "evlab.course.cli", *arguments], capture_output=True, text=True,
                              env=environment | more, timeout=120)

    return run


def is_one_line(process):
    return (process.returncode == 2 and process.stdout == "" and process.stderr.startswith("evlab: ")
            and process.stderr.count("\n") == 1 and ";" in process.stderr)


def test_help_lists_the_commands_and_loads_nothing_heavy():
    code = ("import sys\nfrom evlab.course.cli import main\nmain(['--help'])\n"
            "print('HEAVY', sorted({'rich', 'pandas', 'matplotlib', 'nbclient', 'IPython', 'ipywidgets', 'sqlite3'}"
            " & set(sys.modules)))")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for command in ("check", "doctor", "drill", "grade", "hint", "lab", "progress", "reset", "trace"):
        assert re.search(rf"^  {command} ", said, re.M)
    assert "HEAVY []" in said


@pytest.mark.parametrize("arguments", [["frobnicate"], ["lab", "--port", "x"], ["lab", "--port", "0"], ["reset"],
                                       ["reset", "99"], ["reset", ""], ["lab", "extra"], ["dev", "save", "no-such"],
                                       ["dev", "frobnicate"], ["--no-such-option"]])
def test_a_mistake_is_one_line_with_the_next_step(evlab, arguments):
    process = evlab(*arguments)
    assert is_one_line(process), process


def test_a_course_that_is_not_there_is_one_line(evlab, tmp_path):
    for arguments in (["lab", "--prepare-only"], ["progress"], ["reset", "01"], ["dev", "save"]):
        assert is_one_line(evlab(*arguments, EVLAB_COURSE=str(tmp_path / "nowhere")))


def test_a_workspace_that_cannot_be_made_is_one_line(evlab, course):
    (course / "workspace").write_text("a file")
    assert is_one_line(evlab("lab", "--prepare-only"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
@pytest.mark.parametrize("arguments", [["progress"], ["--help"], ["reset", "01"]])
def test_an_output_that_is_full_is_one_line(course, tmp_path, arguments):
    environment = os.environ | {"EVLAB_COURSE": str(course), "EVLAB_HOME": str(tmp_path / "home")}
    with open("/dev/full", "w") as full:
        process = subprocess.run([sys.executable, "-m", "evlab.course.cli", *arguments], stdout=full, text=True,
                                 stderr=subprocess.PIPE, env=environment)
    assert process.returncode == 2 and process.stderr.count("\n") == 1, process.stderr
    assert process.stderr.startswith("evlab: the output cannot be used") and ";" in process.stderr


def test_a_terminal_without_these_letters_shows_question_marks(evlab):
    process = evlab("progress", PYTHONIOENCODING="ascii", COLUMNS="40")
    assert (process.returncode, process.stderr) == (0, "") and "gue?" in process.stdout


@pytest.mark.parametrize("arguments", [["progress"], ["--help"], ["drill", "--help"], ["doctor"], ["reset", "01"],
                                       ["lab", "--prepare-only"], ["drill", "--all"], ["drill", "--stats"]])
def test_a_reader_who_leaves_is_no_error(course, tmp_path, arguments):
    """The exit code is SIGPIPE's, as other tools' is: not 1, which is a check that fails, and no success either."""
    environment = os.environ | {"EVLAB_HOME": str(tmp_path / "home")}
    if arguments[0] != "drill":  # which needs the course's own deck
        environment["EVLAB_COURSE"] = str(course)
    process = subprocess.Popen([sys.executable, "-m", "evlab.course.cli", *arguments],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 141)


def test_a_reader_who_leaves_half_way_is_no_error(tmp_path):
    """What the command has to say is longer than what a pipe holds, so it is still writing when its reader leaves."""
    with EventStore(tmp_path / "store.db") as store:
        store.append("orders", [Event(type="OrderPlaced", data={}, source="shop") for _ in range(3000)])
    process = subprocess.Popen([sys.executable, "-m", "evlab.course.cli", "trace", str(tmp_path / "store.db")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().endswith(b"OrderPlaced\n")
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 141)


def test_a_reader_of_mistakes_who_leaves_is_no_error(course):
    process = subprocess.Popen([sys.executable, "-m", "evlab.course.cli", "frobnicate"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=os.environ | {"EVLAB_COURSE": str(course)})
    process.stderr.close()
    assert (process.stdout.read(), process.wait()) == (b"", 2)


def test_ctrl_c_while_it_loads_is_no_traceback():
    code = ("import sys\nfrom evlab.course.cli import main\n"
            "class Stop:\n    def find_spec(self, *_):\n        raise KeyboardInterrupt\n"
            "sys.meta_path.insert(0, Stop())\nsys.exit(main(['progress']))")
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "")


def test_without_a_home_it_shows_the_progress_of_this_moment(evlab):
    """`~nobody-of-that-name` is as hard to find as the home of a user that has none."""
    process = evlab("progress", EVLAB_HOME="~nobody-of-that-name/evlab")
    assert process.returncode == 0 and process.stdout.count("00_start_here") == 1
    assert process.stderr.count("\n") == 1 and "cannot be kept anywhere" in process.stderr
    process = evlab("doctor", EVLAB_HOME="~nobody-of-that-name/evlab")
    assert process.returncode == 1 and "set EVLAB_HOME" in " ".join(process.stdout.split())


@pytest.mark.parametrize("package", ["click", "rich"])
def test_without_a_package_it_says_how_to_install(package):
    code = (f"import sys\nsys.modules[{package!r}] = None\nfrom evlab.course.cli import main\n"
            f"sys.exit(main(['progress']))")
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert is_one_line(process) and package in process.stderr and "make lab" in process.stderr


def test_lab_prepares_the_workspace_once(evlab, course):
    first, second = evlab("lab", "--prepare-only"), evlab("lab", "--prepare-only")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "3 notebooks copied" in first.stdout
    assert second.stdout == "evlab: workspace/ is up to date\n"
    assert (course / "workspace/labs/lab01_bus.ipynb").exists()


def test_reset_says_where_the_learners_version_is(evlab, course):
    evlab("lab", "--prepare-only")
    (course / "workspace/notebooks/01_events.ipynb").write_text(cells("mine()"))
    process = evlab("reset", "01")
    kept = re.search(r"workspace/kept/\S+", process.stdout).group()
    assert "mine()" in (course / kept).read_text()
    assert process.returncode == 0 and process.stderr == ""


def test_progress_counts_guesses_and_quizzes_in_each_notebook(evlab, tmp_path):
    progress = Progress(tmp_path / "home/progress.db")
    progress.record("guess", "01.fanout", "1", False)
    progress.record("guess", "01.fanout", "3", True)
    progress.record("quiz", "01.fact", "b", False)
    progress.record("guess", "an.older.one", 3, True)
    progress.record("check", "lab01.q1", {}, True)
    progress.record("check", "lab01.q2", {}, False)
    process = evlab("progress")
    rows = {line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
            for line in process.stdout.splitlines() if line.startswith("│")}
    assert rows["01_events"] == ["1 of 2", "1", "1 of 1", "0", "-"]
    assert rows["lab01_bus"] == ["-", "-", "-", "-", "1 of 2"]
    assert rows["questions of an earlier version"] == ["1 of 1", "1", "-", "-", "-"]


def test_standings_of_nobody_ask_for_everything(course):
    lines = {line.notebook: line for line in standings([], course)}
    assert lines["01_events"].guesses == (2, 0, 0) and lines["01_events"].quizzes == (1, 0, 0)
    assert lines["lab01_bus"].checks == (2, 0, 0) and lines["01_events"].checks == (0, 0, 0)
    assert len(lines) == 3


def test_a_pipe_that_closes_is_no_error(evlab, course):
    command = f"{sys.executable} -m evlab.course.cli progress | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True,
                          env=os.environ | {"EVLAB_COURSE": str(course)})
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------------- the doctor


def test_the_doctor_finds_this_machine_ready(evlab):
    process = evlab("doctor")
    assert process.returncode == 0, process.stdout
    assert "notebook kernel" in process.stdout and "FAIL" not in process.stdout


def test_the_doctor_fails_with_the_cure_and_exit_code_1(evlab, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/progress.db").write_bytes(b"no database" * 500)
    process = evlab("doctor")
    assert process.returncode == 1
    said = " ".join(process.stdout.replace("│", " ").split())
    assert "progress file FAIL" in said and "Next step: make its folder writable" in said
    assert (tmp_path / "home/progress.db").read_bytes() == b"no database" * 500, "a doctor only looks"


def test_a_check_that_breaks_is_a_fail_and_not_an_exception(monkeypatch):
    from evlab.course import doctor

    def breaks():
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setitem(doctor._CHECKS, "SQLite", breaks)
    monkeypatch.setitem(doctor._CHECKS, "notebook kernel", lambda: ("runs", ""))
    found = {finding.check: finding for finding in report().findings}
    assert not found["SQLite"].ok and "unforeseen" in found["SQLite"].detail and found["SQLite"].cure


@pytest.mark.parametrize(("line", "fault"), [("jupyterlab>=999", "is not >=999"), ("no-such-package>=1", "is missing")])
def test_a_package_that_is_missing_or_too_old_is_a_fail(monkeypatch, line, fault):
    from evlab.course import doctor

    monkeypatch.setattr(doctor, "_declared", lambda: ["msgspec>=0.1", line])
    detail, cure = doctor._packages()
    assert fault in detail and "make lab" in cure


def test_another_version_than_the_locked_one_is_named_and_no_fail(monkeypatch):
    from evlab.course import doctor

    monkeypatch.setattr(doctor, "_locked", lambda: iter([("msgspec", "0.0.1")]))
    detail, cure = doctor._packages()
    assert "other versions than in requirements.lock: msgspec" in detail and not cure


def test_the_report_shows_text_and_a_table_and_in_a_saved_notebook_names_alone(monkeypatch):
    findings = [Finding("Python", True, "3.12.1 in /opt/x", ""), Finding("SQLite", False, "too <old>", "get another")]
    bundle = Report(findings)._repr_mimebundle_()
    assert "1 of 2 checks FAIL" in bundle["text/plain"] and "Next step: get another" in bundle["text/plain"]
    assert "<table" in bundle["text/html"] and "<old>" not in bundle["text/html"]
    monkeypatch.setenv("EVLAB_SAVED", "1")
    bundle = Report(findings)._repr_mimebundle_()
    assert " ".join(bundle["text/plain"].split()) == "1 of 2 checks FAIL OK Python FAIL SQLite"
    assert "3.12.1" not in bundle["text/html"] and "too" not in bundle["text/html"]


# ----------------------------------------------------------------------------------------------------------- trace


@pytest.fixture
def store(tmp_path):
    """A store with an order that led to a payment and a parcel, and a visit that led to nothing."""
    placed = Event(type="OrderPlaced", data={}, source="shop", id="order-1")
    paid = placed.caused("PaymentReceived", {}, source="pay\x1b[31m")
    with EventStore(tmp_path / "shop.db") as store:
        store.append("order-1", [placed, paid, paid.caused("ParcelShipped", {}, source="depot")])
        store.append("visit-1", [Event(type="PageVisited", data={}, source="shop", id="visit-1")])
    return tmp_path / "shop.db"


def test_trace_draws_who_caused_what(evlab, store):
    process = evlab("trace", str(store), "order-1")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines() == ["OrderPlaced  shop", "\u2514\u2500 PaymentReceived  pay\ufffd[31m",
                                           "   \u2514\u2500 ParcelShipped  depot"]


def test_trace_lists_what_there_is_to_trace(evlab, store):
    process = evlab("trace", str(store))
    assert process.stdout == "order-1  OrderPlaced and 2 more\nvisit-1  PageVisited\n"


@pytest.mark.parametrize("arguments", [["nothing.db"], ["."], [""], ["empty"], ["text"], ["shop.db", "order-2"],
                                       ["other.db"], []])
def test_trace_of_what_is_no_store_is_one_line_and_changes_nothing(evlab, store, monkeypatch, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("an order, a payment" * 100)
    Progress(tmp_path / "other.db").record("visit", "01")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*") if path.is_file()}
    assert is_one_line(evlab("trace", *arguments))
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*") if path.is_file()} == before


# ---------------------------------------------------------------------------------------------------- a real start


@pytest.mark.browser
def test_lab_opens_the_first_notebook_with_settings_of_its_own_and_asks_nobody_for_news(course, tmp_path, chromium):
    learner, log = tmp_path / "the learner", tmp_path / "log"
    environment = os.environ | {"EVLAB_COURSE": str(course), "EVLAB_HOME": str(tmp_path / "home"), "HOME": str(learner)}
    with open(log, "w") as out:
        server = subprocess.Popen([sys.executable, "-m", "evlab.course.cli", "lab", "--no-browser"], env=environment,
                                  stdout=out, stderr=subprocess.STDOUT)
    try:
        address = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/lab\S+token=\w+", log.read_text()), log).group()
        base, token = address.partition("/lab")[0], address.partition("token=")[2]
        wait_for(lambda: answers(f"{base}/api?token={token}"), log)
        with ThreadPoolExecutor(1) as own_thread:  # Playwright refuses a thread in which another one of it runs
            seen = own_thread.submit(look, address, chromium).result()
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:  # a kernel that is slow to end: what is asked here is what was seen
            server.kill()
            server.wait()
    assert "00_start_here" in seen["tabs"][-1]
    assert (seen["notices"], seen["dialogs"]) == (0, 0)
    assert [url for url in seen["asked"] if url.startswith("http") and not url.startswith(base)] == []
    own = [path.name for path in learner.rglob("*") if "jupyter" in path.name.lower()]
    assert own == [], "the learner's own Jupyter settings are not touched"


def look(address, chromium):
    """Open JupyterLab in a browser, run the open notebook until it shows 42, and return what was to be seen."""
    from playwright.sync_api import sync_playwright

    asked = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.wait_for_function("() => document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]')",
                               timeout=60_000)
        page.wait_for_timeout(1500)
        seen = {"tabs": page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel").all_inner_texts(),
                "notices": page.locator(".Toastify__toast").count(), "dialogs": page.locator(".jp-Dialog").count()}
        page.locator("li.lm-MenuBar-item", has_text="Run").first.click()
        page.locator("li.lm-Menu-item[data-command='runmenu:run-all']").click()
        page.wait_for_function("() => document.body.innerText.includes('42')", timeout=60_000)
        browser.close()
    return seen | {"asked": asked}


def answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except OSError:
        return False


def wait_for(found, log, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not come up:\n{log.read_text()[-2000:]}")
