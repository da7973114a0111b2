"""BC7 blocks to pixels without OpenGL: blocks that are known by hand, sizes that end inside a block, and what is refused."""

import numpy as np
import pytest

from metarender._core import bc7_decode


def block(*fields):
    """A block of (value, bits) fields, the first in the lowest bits."""
    value = at = 0
    for number, width in fields:
        value |= number << at
        at += width
    assert at == 128
    return np.frombuffer(value.to_bytes(16, "little"), np.uint8)


def decode(*blocks, columns=1, size=(4, 4)):
    return bc7_decode(np.array(blocks, np.uint8).reshape(-1, columns, 16), *size)


def test_the_ends_of_a_line_and_what_lies_between():
    """Mode 6: from black to (254, 126, 2, 254), index 0, 15 and 8 of 15: weights 0, 64 and 34."""
    ends = [(0, 7), (127, 7), (0, 7), (63, 7), (0, 7), (1, 7), (0, 7), (127, 7), (0, 1), (0, 1)]
    pixels = decode(block((1 << 6, 7), *ends, (0, 3), (15, 4), (8, 4), *[(0, 4)] * 13))
    assert pixels[0, :3].tolist() == [[0, 0, 0, 0], [254, 126, 2, 254], [135, 67, 1, 135]] and not pixels[1:].any()


def test_two_subsets_each_with_its_own_colours():
    """Mode 1, partition 13: the upper half red, the lower half blue; six bits and a shared one."""
    ends = [(63, 6), (63, 6), (0, 6), (0, 6), *[(0, 6)] * 4, (0, 6), (0, 6), (63, 6), (63, 6)]
    pixels = decode(block((0b10, 2), (13, 6), *ends, (1, 1), (1, 1), (0, 46)))
    assert (pixels[:2] == (255, 2, 2, 255)).all() and (pixels[2:] == (2, 2, 255, 255)).all()


def test_a_rotated_block_swaps_alpha_with_a_channel():
    """Mode 5: colours (255, 0, 0), alpha 9, rotation 1 swaps red and alpha."""
    pixels = decode(block((1 << 5, 6), (1, 2), (127, 7), (127, 7), *[(0, 7)] * 4, (9, 8), (9, 8), (0, 31), (0, 31)))
    assert (pixels == (9, 0, 0, 255)).all()


def test_the_reserved_mode_is_transparent_black():
    assert not decode(np.zeros(16, np.uint8)).any() and not decode(np.array([0] + [255] * 15, np.uint8)).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 4), (9, 2), (16, 13)])
def test_sizes_that_end_inside_a_block_are_cut_from_larger_ones(size):
    columns, rows = -(-size[0] // 4), -(-size[1] // 4)
    blocks = np.random.default_rng(1).integers(0, 256, (rows, columns, 16)).astype(np.uint8)
    whole = bc7_decode(blocks, 4 * columns, 4 * rows)
    assert np.array_equal(bc7_decode(blocks, *size), whole[: size[1], : size[0]])


@pytest.mark.parametrize(
    ("shape", "size"), [((1, 1, 16), (5, 4)), ((1, 1, 16), (4, 5)), ((2, 1, 16), (4, 4)), ((1, 1, 8), (4, 4)), ((1, 1, 16), (0, 4))]
)
def test_blocks_that_do_not_fit_their_size_are_refused(shape, size):
    with pytest.raises(ValueError, match="blocks must be"):
        bc7_decode(np.zeros(shape, np.uint8), *size)
