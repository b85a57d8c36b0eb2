"""Compression: the records of a batch packed as one, because neighbours resemble each other.

Kafka packs whole batches, never single records: fifty orders with the same field names shrink to a fifth, one order
barely shrinks. The producer packs, the broker passes the bytes on, the consumer unpacks (Kafka: CompressionType).
"""

from __future__ import annotations

import zlib

from evlab.errors import EvlabError, InvalidUse

__all__ = ["CODECS", "MAX_UNPACKED", "NoCodec", "compress", "decompress"]

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
"""The codecs, at the numbers that a batch's attributes give them."""

MAX_UNPACKED = 64 * 1024 * 1024
"""The most bytes that the records of one batch may unpack to. A kilobyte of zstd can ask for 32 MB: a bomb."""

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say: with the header and trailer of gzip


class NoCodec(EvlabError):
    """A codec that Kafka has and this evlab has not. `codec` is its name. The data are not damaged."""


def compress(codec: str, data: bytes) -> bytes:
    """`data`, packed. Raises `NoCodec`, and `InvalidUse` for an unknown codec or more than MAX_UNPACKED bytes."""
    if codec == "none":
        return data
    if codec not in CODECS:
        raise InvalidUse(f"codec={codec!r} is none of Kafka's", next_step='choose "none", "gzip" or "zstd"')
    if len(data) > MAX_UNPACKED:
        raise InvalidUse(f"a batch of {len(data):,} bytes is too large to compress",
                         why=f"a reader unpacks {MAX_UNPACKED:,} bytes of a batch, as a guard against bombs",
                         next_step="put fewer records into a batch")
    if codec == "gzip":
        packer = zlib.compressobj(wbits=_GZIP)
        return packer.compress(data) + packer.flush()
    return _zstandard(codec).ZstdCompressor().compress(data)


def decompress(codec: str, data: bytes) -> bytes:
    """What `compress` was given. Raises `NoCodec`, and `ValueError` for bytes that it cannot have made.

    1. At most MAX_UNPACKED bytes come back; whatever would give more is refused, before it takes the memory.
    2. A stream that is cut off, or is followed by something else, is refused.
    """
    if codec == "none":
        return data
    unpacked, rest = _gunzip(data) if codec == "gzip" else _unzstd(_zstandard(codec), data)
    if len(unpacked) > MAX_UNPACKED:
        raise ValueError(f"the {codec} data unpack to more than {MAX_UNPACKED:,} bytes")
    if rest:
        raise ValueError(f"something follows the {codec} data")
    return unpacked


def _gunzip(data: bytes) -> tuple[bytes, bytes]:
    """What the data unpack to, or a little more than MAX_UNPACKED bytes of it; and what follows them."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacker.decompress(data, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise ValueError(f"the gzip data are damaged: {error}") from error
    if not unpacker.eof and len(unpacked) <= MAX_UNPACKED:
        raise ValueError("the gzip data are cut off")
    return unpacked, unpacker.unused_data


def _unzstd(zstandard, data: bytes) -> tuple[bytes, bytes]:
    """The same for zstd. It is fed half a kilobyte at a time, of which each gives 16 MB at most."""
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    pieces, size, at = [], 0, 0
    try:
        while at < len(data) and not unpacker.eof and size <= MAX_UNPACKED:
            pieces.append(unpacker.decompress(data[at:at + 512]))
            size += len(pieces[-1])
            at += 512
    except zstandard.ZstdError as error:
        raise ValueError(f"the zstd data are damaged: {error}") from error
    if not unpacker.eof and size <= MAX_UNPACKED:
        raise ValueError("the zstd data are cut off")
    return b"".join(pieces), unpacker.unused_data + data[at:]


def _zstandard(codec: str):
    """The library `zstandard`. `NoCodec` for every other codec, and where it is not installed."""
    if codec != "zstd":
        raise NoCodec(f"evlab does not read or write {codec}", codec=codec,
                      why="Python has no library for it of its own, and gzip and zstd show the same idea",
                      next_step='set compression.type to "none", "gzip" or "zstd" where the batch is written')
    try:
        import zstandard
    except ImportError as error:
        raise NoCodec("zstd needs a library that is not installed", codec=codec,
                      why="Python has none of its own before 3.14",
                      next_step="pip install zstandard, or choose gzip") from error
    return zstandard
