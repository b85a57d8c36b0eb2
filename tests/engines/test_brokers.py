"""`make brokers`: the servers are up until Ctrl-C, and each line that it prints is for a shell."""

from __future__ import annotations

import pathlib
import re
import signal
import subprocess
import sys
import time

from brokers.common import answers

ROOT = pathlib.Path(__file__).resolve().parents[2]


def brokers(*names) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "brokers", *names], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def test_a_server_is_up_until_ctrl_c(postgres):
    """The fixture says first whether there is one to start."""
    program, port = brokers("postgres"), 0
    try:
        for line in program.stdout:
            if found := re.fullmatch(r"export EVLAB_POSTGRES=postgresql://.*:(\d+)/evlab\n", line):
                port = int(found[1])
            elif not line.startswith("#"):
                break
        time.sleep(1)  # one that does not wait would be gone by now
        assert program.poll() is None and answers(port)
        program.send_signal(signal.SIGINT)
        said, _ = program.communicate(timeout=30)
    finally:
        program.kill()
    assert said == "stopping postgres\n" and program.returncode == 0
    assert not answers(port)


def test_a_name_that_is_no_server_is_one_line_and_code_2():
    program = brokers("postgres", "mysql")
    said, error = program.communicate(timeout=30)
    assert (program.returncode, said) == (2, "")
    assert error == "evlab: there is no server 'mysql' here; choose from kafka, rabbitmq, postgres\n"
