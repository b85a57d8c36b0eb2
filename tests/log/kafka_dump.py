"""Kafka's own tool for segment files, `kafka.tools.DumpLogSegments`, with the jars that it needs."""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

POM = pathlib.Path(__file__).parent / "kafka_tools/pom.xml"
MUST = os.environ.get("EVLAB_NEEDS_KAFKA") == "1"
"""Set where a test that cannot run is a failure: in CI."""


def kafka_dump(folder: pathlib.Path, *files: str, data: bool = True) -> list[str]:
    """What the tool prints for files of `folder`, line by line. Skips the test, with the reason, without Java."""
    command = [shutil.which("java") or _missing("java is not installed"), "-cp", f"{_jars()}/*",
               "kafka.tools.DumpLogSegments", "--files", ",".join(files), *(["--print-data-log"] if data else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@functools.cache
def _jars() -> pathlib.Path:
    """The folder of the jars, fetched by Maven when first needed and kept in the environment."""
    folder = pathlib.Path(sys.prefix) / "kafka-tools"
    done = folder / ".done"
    if not done.exists() or done.read_bytes() != POM.read_bytes():
        maven = shutil.which("mvn") or _missing("Maven is not installed")
        shutil.rmtree(folder, ignore_errors=True)
        fetched = subprocess.run(
            [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
            capture_output=True, text=True, timeout=300, check=False)
        if fetched.returncode:
            _missing(f"Maven cannot fetch Kafka's jars: {fetched.stdout[-300:]}")
        done.write_bytes(POM.read_bytes())
    return folder


def _missing(reason: str):
    if MUST:
        pytest.fail(reason)
    pytest.skip(f"{reason}; Kafka's own tool does not check the files")
