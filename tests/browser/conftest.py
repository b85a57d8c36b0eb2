"""A real JupyterLab in a real Chromium, for what only a browser can show.

JupyterLab runs on loopback, on a free port, in a temporary folder, with settings and progress of its own, and asks
nobody for news. Without a Chromium the tests are skipped, and say so; with the variable CI set they fail instead.
"""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
QUIET = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {
        "windowingMode": "none", "autoStartDefaultKernel": True},
}
THEMES = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run"]
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].map((prompt) => prompt.innerText)"
ALL_RAN = r"""[...document.querySelectorAll('.jp-CodeCell')].every((cell) =>
    /\[\d+\]/.test(cell.querySelector('.jp-InputArea-prompt').innerText)
    || cell.querySelector('.cm-content')?.innerText.trim() === '')"""
CLOSE_ALL = "() => [...window.jupyterapp.shell.widgets('main')].forEach((widget) => widget.dispose())"
"""Without asking whether to save."""
THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme}).then(() => null)"
THEME_IS_ON = """(theme) => document.body.dataset.jpThemeName === theme
    && document.getElementById('jupyterlab-splash') === null"""
OPEN = "(path) => window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'}).then(() => null)"
ONE_RUN = f"([number, before]) => /\\[\\d+\\]/.test({PROMPTS}[number]) && {PROMPTS}[number] !== before"
"""A cell that has run bears a number, and a new one each time."""

REDRAW = """(card, words) => new Promise((done) => {
    const button = [...card.querySelectorAll('button')].find((one) => one.textContent === words);
    button.focus();
    const began = performance.now(), image = card.querySelector('img');
    new MutationObserver(async (_, watch) => {
        watch.disconnect();
        await image.decode();
        requestAnimationFrame(() => done(performance.now() - began));
    }).observe(image, {attributes: true, attributeFilter: ['src']});
    button.click();
})"""


class Lab:
    """JupyterLab on `root`, and one page of a browser that looks at it."""

    def __init__(self, root: pathlib.Path, home: pathlib.Path, browser, base: str, token: str):
        self.root, self.home = root, home
        self._context, self._base, self._token = browser.new_context(), base, token
        self._console: list[str] = []
        self._foreign: list[str] = []
        self.page, self._theme = None, ""
        self.notebook = ""
        """The one that is open."""

    def write(self, name: str, *cells: str, metadata: dict | None = None) -> str:
        """Write a notebook of code cells (a cell that starts with "# %% md" is prose). Returns its name."""
        made = []
        for number, source in enumerate(cells):
            prose = source.startswith("# %% md\n")
            cell = {"id": f"cell-{number}", "metadata": {}, "source": source.removeprefix("# %% md\n"),
                    "cell_type": "markdown" if prose else "code"}
            made.append(cell if prose else {**cell, "outputs": [], "execution_count": None})
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {**kernel, **(metadata or {})}, "cells": made}
        (self.root / name).write_text(json.dumps(book), encoding="utf-8")
        return name

    def open_notebook(self, path: str | os.PathLike, *, width: int = 1280, height: int = 1100, dark: bool = False,
                      still: bool = False, fresh: bool = True):
        """Open a notebook in a fresh page and return the page. `path` is one inside `root`, or one to copy there.

        `dark` asks for JupyterLab's dark theme, `still` for less motion. `fresh=False` keeps running kernels, as a
        reload of the page does.
        """
        path = pathlib.Path(path)
        if path.is_absolute():
            shutil.copy(path, self.root / path.name)
            path = pathlib.Path(path.name)
        reuse = self.page is not None and fresh
        if reuse:  # to load JupyterLab anew takes this machine five seconds of its processor
            self.page.evaluate(CLOSE_ALL)
        elif self.page is not None:
            self.page.close()
        if fresh:
            for session in self._ask("sessions"):
                self._ask(f"sessions/{session['id']}", "DELETE")
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        if not reuse:
            self._new_page(theme)
        self._console.clear()
        self._foreign.clear()
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(reduced_motion="reduce" if still else "no-preference")
        if reuse:
            if theme != self._theme:
                self.page.evaluate(THEME, theme)
            self.page.evaluate(OPEN, path.as_posix())
        else:
            workspace = secrets.token_hex(4)  # a workspace of its own: no tab of an earlier test
            self.page.goto(f"{self._base}/lab/workspaces/{workspace}/tree/{path.as_posix()}?token={self._token}")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function(THEME_IS_ON, arg=theme, timeout=60_000)
        self._theme, self.notebook = theme, path.as_posix()
        self._wait_for_kernel()
        if self.page.locator(".jp-SideBar.jp-mod-left [data-id=filebrowser].lm-mod-current").count():
            self.page.keyboard.press("Control+b")
        return self.page

    def _new_page(self, theme: str) -> None:
        """A page in that theme, with somebody who listens to its console and its requests."""
        _settings(self.home, THEMES, {"theme": theme})
        self.page = self._context.new_page()
        self.page.on("console", lambda line: self._console.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self._console.append(str(error)))
        self.page.on("request", self._note_request)
        select = self.page.locator(".jp-Dialog", has_text="Select Kernel").locator(".jp-mod-accept")
        self.page.add_locator_handler(select, lambda: select.click())  # it may come up later, over any click

    def _wait_for_kernel(self, timeout: float = 60) -> None:
        """Wait until the kernel is there and idle. On a slow start JupyterLab asks which kernel to take: the first."""
        deadline = time.monotonic() + timeout
        while not self._has_kernel():
            assert time.monotonic() < deadline, "no kernel came up"
            self.page.wait_for_timeout(100)
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(
            timeout=timeout * 1000, state="attached")  # on a narrow page it hides behind a menu
        self.page.wait_for_timeout(300)  # a key that comes before the page has wired the kernel is lost

    def run_all(self, timeout: float = 60) -> None:
        """Run each cell and wait until all are done. `timeout` is in seconds."""
        self.page.locator("li.lm-MenuBar-item", has_text="Run").first.click()
        self.page.locator("li.lm-Menu-item[data-command='runmenu:run-all']").click()
        deadline, quiet = time.monotonic() + timeout, 0
        while quiet < 5:  # for half a second every cell that is not empty bears a number
            assert time.monotonic() < deadline, f"the notebook has not run in {timeout} s"
            quiet = quiet + 1 if self.page.evaluate(ALL_RAN) else 0
            self.page.wait_for_timeout(100)

    def select_cell(self, number: int) -> None:
        """Select the code cell with that number, from 0, so that it has the keyboard."""
        self.page.evaluate("document.activeElement.blur()")  # a click on a prompt leaves the focus in a text field
        self.page.locator(".jp-CodeCell").nth(number).locator(".jp-InputPrompt").click()
        self.page.wait_for_timeout(100)  # the notebook learns a little later that no field has the focus any more

    def run_cell(self, number: int, timeout: float = 60) -> None:
        """Run the code cell with that number, from 0, and wait until it is done."""
        prompt = self.page.locator(".jp-CodeCell").nth(number).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        self.select_cell(number)
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function(ONE_RUN, arg=[number, before], timeout=timeout * 1000)
        self.page.wait_for_timeout(100)

    def _has_kernel(self) -> bool:
        try:
            kernels = self._ask("kernels")
        except urllib.error.HTTPError:  # the server stumbles over a kernel that is being made
            return False
        return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)

    def redraw(self, card, words: str) -> float:
        """Press the button with these words. Returns the ms until the card's first picture is a new one, decoded."""
        return card.evaluate(REDRAW, words)

    def _ask(self, what: str, method: str = "GET"):
        """One call of the server's own interface."""
        request = urllib.request.Request(f"{self._base}/api/{what}", method=method,
                                         headers={"Authorization": f"token {self._token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def console_errors(self) -> list[str]:
        """What the browser's console has reported as errors since the notebook was opened."""
        return list(self._console)

    def foreign_requests(self) -> list[str]:
        """The addresses outside this JupyterLab that the page has asked for since the notebook was opened."""
        return list(self._foreign)

    def _note_request(self, request) -> None:
        if not request.url.startswith((self._base, "data:", "blob:")):
            self._foreign.append(request.url)


def _settings(home: pathlib.Path, name: str, body: dict) -> None:
    path = home / "settings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body), encoding="utf-8")


def _unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{reason} CI is set, so this is a failure.", pytrace=False)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="package")
def lab(tmp_path_factory):
    """One JupyterLab and one Chromium for all browser tests."""
    chromium = os.environ.get("EVLAB_CHROMIUM", "/usr/bin/chromium")
    if not pathlib.Path(chromium).exists():
        _unavailable(f"No Chromium at {chromium}. Install one, or set EVLAB_CHROMIUM to its path.")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _unavailable("playwright is not installed. Install the project's dev dependencies.")
    root, home = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("home")
    for name, body in QUIET.items():
        _settings(home, name, body)
    port, token = _free_port(), secrets.token_hex(8)
    folders = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
               "JUPYTER_DATA_DIR": "data", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime",
               "IPYTHONDIR": "ipython", "EVLAB_HOME": "evlab"}
    env = os.environ | {name: str(home / folder) for name, folder in folders.items()}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    env.pop("EVLAB_SAVED", None)
    log = (home / "jupyter.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
         "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True", f"--IdentityProvider.token={token}",
         f"--ServerApp.root_dir={root}"],
        env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_for_server(server, f"{base}/api?token={token}", home / "jupyter.log")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            yield Lab(root, home, browser, base, token)
            browser.close()
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def _wait_for_server(server: subprocess.Popen, address: str, log: pathlib.Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=1)
            return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}", pytrace=False)
