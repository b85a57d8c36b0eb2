"""Open JupyterLab on the learner's copy, with settings of the course's own: theirs are neither read nor written."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import socket
import subprocess
import sys

from evlab.course.data import course_folder
from evlab.course.workspace import course_notebooks, workspace_folder
from evlab.errors import EvlabError

__all__ = ["CannotStart", "lab_command", "start"]

_SETTINGS = pathlib.Path(__file__).parent / "jupyterlab"


class CannotStart(EvlabError):
    """JupyterLab cannot be started as asked."""


def start(*, browser: bool = True, port: int | None = None, course: pathlib.Path | None = None) -> int:
    """Run JupyterLab on the first notebook until it is stopped, and return its exit code.

    On Unix this process becomes JupyterLab, so Ctrl-C and signals reach it directly. Raises `CannotStart` if
    JupyterLab is not installed or `port` is taken.
    """
    arguments, environment = lab_command(browser=browser, port=port, course=course)
    if os.name == "nt":
        return subprocess.call(arguments, env=environment)
    os.execvpe(arguments[0], arguments, environment)


def lab_command(*, browser: bool = True, port: int | None = None,
                course: pathlib.Path | None = None) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of `start`: what it would run."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise CannotStart("JupyterLab is not installed",
                          next_step="run `make lab`, or `pip install -e \".[lab]\"` in the course's folder")
    if port is not None and not _free(port):
        raise CannotStart(f"port {port} is in use", next_step="leave --port out, and a free one is found", port=port)
    course = course or course_folder()
    workspace = workspace_folder(course)
    first = next(iter(course_notebooks(course)), "")
    own = workspace / ".evlab"
    arguments = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={workspace}",
                 f"--LabApp.default_url=/lab/tree/{first}", f"--LabApp.app_settings_dir={_SETTINGS}",
                 f"--LabApp.user_settings_dir={own / 'settings'}", f"--LabApp.workspaces_dir={own / 'workspaces'}",
                 "--Application.log_level=WARN", "--ServerApp.jpserver_extensions=jupyter_lsp=False",
                 "--LabApp.extension_manager=readonly", "--LabApp.news_url=None",
                 "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate"]
    if _encrypts():
        arguments.append("--KernelManager.transport_encryption=auto")
    if not browser:
        arguments.append("--no-browser")
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in a container; JupyterLab refuses root otherwise
        arguments.append("--allow-root")
    environment = {name: value for name, value in os.environ.items() if name != "EVLAB_SAVED"}
    environment |= {"JUPYTER_CONFIG_DIR": str(own / "config"), "JUPYTER_DATA_DIR": str(own / "data"),
                    "JUPYTER_RUNTIME_DIR": str(own / "runtime"), "IPYTHONDIR": str(own / "ipython"),
                    "JUPYTER_PREFER_ENV_PATH": "1"}
    return arguments, environment


def _encrypts() -> bool:
    """Whether this Jupyter can encrypt what it says to its kernels. One that can warns when it does not."""
    import zmq
    from jupyter_client.manager import KernelManager

    return "transport_encryption" in KernelManager.class_trait_names() and zmq.has("curve")


def _free(port: int) -> bool:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
