"""Numbers in as few bytes as they need, as Kafka writes them into records, and the tables that the fast loops look in.

(Kafka: ByteUtils.)
"""

from __future__ import annotations

from evlab.errors import EvlabError, InvalidUse

__all__ = ["INT64", "LENGTHS", "NULL", "ONE", "TIMES", "TWO", "CorruptBatch", "decode_varint", "encode_varint"]

INT64 = range(-2**63, 2**63)


class CorruptBatch(EvlabError):
    """Bytes that are no batch, or no longer the one that was written.

    path: the file, "" if unknown. position: the byte at which the batch begins, in the file or in what was given.
    offset: its first offset, None if unknown. torn: the data end within it, as after a write that was cut short.
    """

    def __init__(self, what: str, *, path: str = "", position: int = 0, offset: int | None = None, torn: bool = False,
                 why: str = "", next_step: str = ""):
        super().__init__(what, why=why, next_step=next_step, path=path, position=position, offset=offset, torn=torn)

    def __str__(self) -> str:
        """With the place, unless the file is known: then `what` names it."""
        if self.path:
            return super().__str__()
        offset = "" if self.offset is None else f", offset {self.offset}"
        return super().__str__().replace(self.what, f"{self.what} (byte {self.position}{offset})", 1)


def encode_varint(n: int, bits: int = 64) -> bytes:
    """A number in as few bytes as it needs: seven bits in each, the lowest first; the eighth says that more follow.

    Zigzag: 0, -1, 1, -2 become 0, 1, 2, 3, so that small negative numbers are short, too.
    bits: 32 for a varint, 64 for a varlong. Raises `InvalidUse` for a number outside of them.
    """
    if not isinstance(n, int) or not -1 << bits - 1 <= n < 1 << bits - 1:
        raise InvalidUse(f"{n!r} is no whole number of {bits} bits", next_step="give a smaller one")
    zigzag = n << 1 if n >= 0 else ~(n << 1)
    data = bytearray()
    while zigzag > 0x7F:
        data.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    data.append(zigzag)
    return bytes(data)


def decode_varint(data: bytes, at: int = 0, bits: int = 64) -> tuple[int, int]:
    """The number that begins at `at`, and where the next thing begins. Raises `CorruptBatch`."""
    if 0 <= at < len(data) and data[at] < 128:  # most have one byte
        return ONE[data[at]], at + 1
    zigzag = shift = 0
    for byte in data[at:at + -(-bits // 7)]:
        zigzag |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 and not zigzag >> bits:
            return zigzag >> 1 if not zigzag & 1 else ~(zigzag >> 1), at + shift // 7
    raise CorruptBatch("a number is cut off, or is too large", position=at, why=f"a varint here has {bits} bits")


NULL = encode_varint(-1)
# What the loops look up instead of computing it: the varints of 0 to 8191 (a list, the fastest), and those of -64 to
# 8191 for timestamps, which may lie before the first (a list would take -1 for its last item).
LENGTHS = [bytes((n << 1,)) for n in range(64)] + [bytes((n << 1 & 0x7F | 0x80, n >> 6)) for n in range(64, 8192)]
TIMES = {n: encode_varint(n) for n in range(-64, 0)} | dict(enumerate(LENGTHS))
# And back: ONE[byte] is the number in one byte, or None if it goes on; TWO[second][first] that in two.
_UNZIGZAG = [n for half in range(8192) for n in (half, ~half)]
ONE = _UNZIGZAG[:128] + [None] * 128
TWO = [[None] * 128 + _UNZIGZAG[second << 7:second + 1 << 7] for second in range(128)]
