"""CRC-32 of joined bytes from those of their parts, for arrays: crc(ab) = shifted(crc(a), length of b) xor crc(b).

Zero bytes behind a text change its CRC linearly over bits, so each of its four bytes has a table per number of zero
bytes (the same sums as zlib's crc32_combine). Cost: about 20 nanoseconds per value.
"""

import numpy as np
import numpy.typing as npt

Crcs = npt.NDArray[np.uint32]

_BYTE = np.arange(256, dtype=np.uint32)
for _ in range(8):
    _BYTE = np.where(_BYTE & 1, (_BYTE >> 1) ^ np.uint32(0xEDB88320), _BYTE >> 1)
"""The CRC-32 of each byte after a zero CRC (polynomial of zlib, bits reversed)."""
_MOST = 64
"""Bytes of the longest shift that has a table; longer shifts are several."""


def _shift_tables() -> Crcs:
    """(_MOST + 1, 4, 256): what the bytes of a CRC-32 become after so many zero bytes."""
    values = np.arange(256, dtype=np.uint32)
    tables = [np.stack([values << np.uint32(8 * place) for place in range(4)])]
    for _ in range(_MOST):
        tables.append((tables[-1] >> np.uint32(8)) ^ _BYTE[tables[-1] & np.uint32(255)])
    return np.stack(tables)


_SHIFTS = _shift_tables()


def shifted(crcs: Crcs, num_bytes: npt.NDArray[np.int64]) -> Crcs:
    """What each CRC-32 becomes after so many zero bytes, (N,): xor the CRC-32 of these bytes, it is that of both."""
    while len(num_bytes) and num_bytes.max() > _MOST:
        crcs = shifted(crcs, np.clip(num_bytes, 0, _MOST))
        num_bytes = np.maximum(num_bytes - _MOST, 0)
    result = np.zeros(len(crcs), np.uint32)
    for place in range(4):
        result ^= _SHIFTS[num_bytes, place, (crcs >> np.uint32(8 * place)) & np.uint32(255)]
    return result
