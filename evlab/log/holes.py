"""Holes: offsets that no batch has any more, because compaction removed all of its records.

Kafka leaves them between batches. We fill them: where batches vanish, the next one begins at the hole's first offset
(`rewritten`). Then each batch of our own stands right behind the one before, and one whose base offset was damaged is
noticed, though no CRC covers that field. What a broker of Kafka has compacted is read over its holes, by this rule:

1. Only in a topic with cleanup="compact", and only forward.
2. What follows vouches for the batch behind a hole: the next batch, or for the last one of a segment the next segment,
   begins no earlier than it ends. In a log of ours that next one stands where the batch should have ended: a batch
   whose offset was raised reaches into it, and is named. So is one whose offset was lowered, by the batch before.
3. The last batch of all has nobody to vouch for it: no hole is taken before it. (Kafka, as we do, does not compact the
   newest segment. A follower's newest one may have holes; where one is before its last batch, it is refused.)
4. Offsets may be missing at the end of a segment only in a folder that a broker of Kafka has made (`BROKERS_FILE`): our
   own segments keep their last batch, so one that ends too early has lost it.
What stays unseen: in a log with holes, an offset that was damaged to another one in the same hole.
(Kafka goes by ascending offsets alone: LogSegment, LogCleaner.)
"""

from __future__ import annotations

from evlab.log.records import Batch, Record, check_batch, decode_batches, encode_batch, read_header

__all__ = ["BROKERS_FILE", "joined", "rewritten"]

BROKERS_FILE = "partition.metadata"
"""Is in each partition's folder that a broker of Kafka has made, since its version 2.8."""


def rewritten(batch: Batch, records: list[Record], base_offset: int, horizon: int | None) -> bytes:
    """The batch with those of `records` that `base_offset`, its new beginning, leaves. Its end stays where it was."""
    sequence = batch.base_sequence
    if sequence >= 0:
        sequence = (sequence - (batch.base_offset - base_offset)) % 2**31
    return encode_batch([record for record in records if record.offset >= base_offset], base_offset=base_offset,
                        last_offset=batch.last_offset, keep_offsets=True, leader_epoch=batch.leader_epoch,
                        producer_id=batch.producer_id, producer_epoch=batch.producer_epoch, base_sequence=sequence,
                        codec=batch.codec, transactional=batch.transactional, control=batch.control,
                        delete_horizon=horizon)


def joined(data: bytes, due: int, *, holes: bool) -> bytes:
    """The batches of `data`, the first of them at the offset `due`, each right behind the one before.

    The first one may begin earlier. holes: later ones, too, may begin earlier than they do, to fill a hole.
    """
    at, found = 0, []
    while at < len(data):
        header = read_header(data, at)
        one = data[at:at + header.size]
        if holes and header.base_offset > due or not at and header.base_offset < due <= header.last_offset:
            check_batch(one, 0, header)
            batch = next(decode_batches(one))
            one = rewritten(batch, batch.records, due, batch.delete_horizon)
        found.append(one)
        at, due = at + header.size, header.next_offset
    return b"".join(found)
