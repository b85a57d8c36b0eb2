"""The file in which a broker notes how far each of its copies is known to be safe: their high watermarks.

A broker that starts again would otherwise know of none, and a leader with none shows its readers nothing until its
followers have asked once. What the file says was true when it was written, and a high watermark only falls when a copy
is cut, so an old file says too little at most (Kafka: replication-offset-checkpoint, written every 5 s).
"""

from __future__ import annotations

from contextlib import suppress

from evlab.files import Files, write_whole
from evlab.log.protocol import TopicPartition

__all__ = ["MARKS_FILE", "load_marks", "save_marks"]

MARKS_FILE = "replication-offset-checkpoint"


def save_marks(files: Files, marks: dict[TopicPartition, int]) -> None:
    """Write them in Kafka's own format: version, count, then topic, partition and offset of each. Raises `OSError`."""
    lines = ["0", str(len(marks)), *(f"{topic} {number} {offset}" for (topic, number), offset in sorted(marks.items()))]
    write_whole(files, MARKS_FILE, ("\n".join(lines) + "\n").encode())


def load_marks(files: Files) -> dict[TopicPartition, int]:
    """What `save_marks` wrote; nothing if there is no such file, or if it is not what it should be."""
    if MARKS_FILE not in files.list():
        return {}
    version, *lines = files.open(MARKS_FILE).read().decode("ascii", "replace").split("\n")
    with suppress(ValueError):
        count, *rows = lines[:-1]
        marks = {(topic, int(number)): int(offset) for topic, number, offset in (row.split(" ") for row in rows)}
        if version == "0" and int(count) == len(marks):
            return marks
    return {}
