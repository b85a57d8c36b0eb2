"""Which leader wrote which offsets: the list that lets a replica find where its log parts from another's.

Each election gives a partition a new leader epoch, and the leader stamps it into every batch. A replica keeps, for each
epoch, the first offset that was written in it. Asked "where does epoch 7 end?", it answers with the start of the next
epoch that it knows. A follower asks its leader that about its own newest epoch and cuts its log back to the answer
(KIP-101; Kafka: LeaderEpochFileCache, the file leader-epoch-checkpoint).
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress

from evlab.files import Files, write_whole

__all__ = ["EPOCH_FILE", "Epochs"]

EPOCH_FILE = "leader-epoch-checkpoint"


class Epochs:
    """The epochs of one replica: `entries` is a list of (epoch, first offset), both rising."""

    def __init__(self, entries: list[tuple[int, int]] | None = None):
        self.entries = list(entries or [])

    @classmethod
    def load(cls, files: Files) -> tuple[Epochs, bool]:
        """What `save` wrote, and whether all of it is there; none of it if the file is not what it should be."""
        version, *lines = files.open(EPOCH_FILE).read().decode("ascii", "replace").split("\n")
        with suppress(ValueError):
            count, *entries = [[int(number) for number in line.split()] for line in lines[:-1]]
            pairs = [(epoch, offset) for epoch, offset in entries]
            rising = all(a[0] < b[0] and a[1] < b[1] for a, b in zip(pairs, pairs[1:], strict=False))
            if version == "0" and rising:
                return cls(pairs), count == [len(pairs)]
        return cls(), False

    @property
    def newest(self) -> int:
        """The epoch of the last batch; -1 if there is none."""
        return self.entries[-1][0] if self.entries else -1

    def add(self, epoch: int, offset: int) -> bool:
        """Note that a batch of `epoch` begins at `offset`. True if the epoch is new here."""
        if self.entries and epoch <= self.entries[-1][0]:
            return False
        while self.entries and self.entries[-1][1] >= offset:  # nothing was written in it
            self.entries.pop()
        self.entries.append((epoch, offset))
        return True

    def of(self, offset: int) -> int:
        """The epoch in which an offset was written; -1 if it is before the first."""
        at = bisect_right(self.entries, offset, key=lambda entry: entry[1]) - 1
        return self.entries[at][0] if at >= 0 else -1

    def end_of(self, epoch: int, log_end: int) -> tuple[int, int]:
        """The largest epoch up to `epoch` that is known here, and the offset at which it ends; (-1, -1) if none is."""
        at = bisect_right(self.entries, epoch, key=lambda entry: entry[0]) - 1
        if at < 0:
            return -1, -1
        end = self.entries[at + 1][1] if at + 1 < len(self.entries) else log_end
        return self.entries[at][0], end

    def cut_from(self, offset: int) -> None:
        """Forget the epochs that begin at `offset` or later: their batches were cut off."""
        self.entries = [entry for entry in self.entries if entry[1] < offset]

    def cut_before(self, offset: int) -> None:
        """The log now starts at `offset`: forget the epochs that ended before it."""
        epoch = self.of(offset)
        self.entries = [entry for entry in self.entries if entry[0] > epoch]
        if epoch >= 0:
            self.entries.insert(0, (epoch, offset))

    def save(self, files: Files) -> None:
        """Write them to `EPOCH_FILE`, in Kafka's own format: version, count, then a line for each."""
        lines = ["0", str(len(self.entries)), *(f"{epoch} {offset}" for epoch, offset in self.entries)]
        write_whole(files, EPOCH_FILE, ("\n".join(lines) + "\n").encode())
