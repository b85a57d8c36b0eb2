"""Notebook 23 prints the same on real servers as without any, and what it tells of them is still so."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed: pip install \"evlab[kafka]\"")

from confluent_kafka.admin import AdminClient
from kafka_ground import eventually

from evlab.course.data import course_folder
from evlab.course.saving import kernel_environment
from evlab.course.workspace import saved_notebooks

COURSE = course_folder()
NAME = "notebooks/23_real_engines.ipynb"


@pytest.fixture
def tidied(kafka):
    """The address of the Kafka; afterwards it has the topics that it had."""
    admin = AdminClient({"bootstrap.servers": kafka})

    def topics():
        return {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")}

    before = topics()
    yield kafka
    if new := sorted(topics() - before):
        for answer in admin.delete_topics(new).values():
            answer.exception(10)
        assert eventually(lambda: topics() == before)


def test_the_notebook_prints_the_same_on_real_servers(tidied, rabbitmq, postgres, tmp_path):
    """BOOK-1, with the network on: the servers are on loopback."""
    environment = kernel_environment(tmp_path, COURSE, EVLAB_KAFKA=tidied, EVLAB_RABBITMQ=rabbitmq,
                                     EVLAB_POSTGRES=postgres)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    shutil.copy(saved_notebooks(COURSE)[NAME], tmp_path)
    sanitize = COURSE / "tests" / "notebooks" / "sanitize.cfg"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120",
         f"--nbval-sanitize-with={sanitize}", "-p", "no:cacheprovider", "-q", "--color=no", "-c", "pytest.ini",
         NAME.split("/")[1]], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_says_of_the_servers_is_still_so(tidied, rabbitmq, postgres):
    """All of it but the seconds, which are another machine's."""
    found = importlib.util.spec_from_file_location("surprises", COURSE / "benchmarks" / "surprises.py")
    surprises = importlib.util.module_from_spec(found)
    found.loader.exec_module(surprises)
    told = json.loads(surprises.FILE.read_text("utf-8"))["surprises"]
    seen = surprises.seen(tidied, rabbitmq, postgres)
    assert seen.keys() == told.keys()
    del seen["seconds to an ack"]
    assert seen == {name: what for name, what in told.items() if name in seen}
