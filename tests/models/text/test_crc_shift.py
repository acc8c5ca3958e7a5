"""CRC-32 of joined bytes from those of their parts."""

from zlib import crc32

import numpy as np

from lab.models.text.crc_shift import shifted


def test_a_shifted_crc_gives_the_crc_of_both_parts() -> None:
    parts = [(b"bomba", b"x" * length) for length in (0, 1, 5, 64, 65, 300)]
    crcs = np.array([crc32(first) for first, _ in parts], np.uint32)
    after = np.array([crc32(second) for _, second in parts], np.uint32)
    both = shifted(crcs, np.array([len(second) for _, second in parts])) ^ after
    assert both.tolist() == [crc32(first + second) for first, second in parts]
