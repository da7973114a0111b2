"""Comparing pictures: tiles and blobs against slow references, and what each gate catches that the mean does not."""

import sys
import time
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from metarender.errors import InvalidInput
from metarender.testing.blobs import Blob, components, largest_blob
from metarender.testing.comparison import TILE, Tolerance, compare, flip, paint_difference, worst_tile
from metarender.testing.goldens import EXACT, OTHER_VERSION, SAME_SERIES

LOOSE = Tolerance(255, 255.0, 1.0, 2**31)


def picture(height=64, width=96):
    """A smooth, opaque picture."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 2 % 256, y * 3 % 256, (x + y) % 256, np.full_like(x, 255)]).astype(np.uint8)


def slow_blob(mask):
    """The largest group by breadth-first search; the first in reading order of equal ones."""
    seen, best = np.zeros_like(mask), Blob(0, (0, 0, 0, 0))
    for start in zip(*np.nonzero(mask), strict=True):
        if seen[start]:
            continue
        group, queue = [], deque([start])
        seen[start] = True
        while queue:
            y, x = queue.popleft()
            group.append((y, x))
            for v in range(max(y - 1, 0), min(y + 2, mask.shape[0])):
                for u in range(max(x - 1, 0), min(x + 2, mask.shape[1])):
                    if mask[v, u] and not seen[v, u]:
                        seen[v, u] = True
                        queue.append((v, u))
        if len(group) > best.pixels:
            (top, left), (bottom, right) = np.min(group, axis=0), np.max(group, axis=0)
            best = Blob(len(group), (int(left), int(top), int(right - left) + 1, int(bottom - top) + 1))
    return best


def slow_tile(difference):
    height, width = (min(TILE, extent) for extent in difference.shape)
    best, where = -1.0, (0, 0)
    for top in range(difference.shape[0] - height + 1):
        for left in range(difference.shape[1] - width + 1):
            mean = difference[top:top + height, left:left + width].astype(float).sum() / (height * width)
            if mean > best:
                best, where = mean, (left, top)
    return best, (*where, width, height)


masks = arrays.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.booleans())


@settings(max_examples=400, deadline=None)
@given(masks)
def test_the_largest_blob_is_that_of_a_search(mask):
    assert largest_blob(mask) == slow_blob(mask)


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.integers(0, 255)))
def test_the_worst_tile_is_that_of_a_walk(difference):
    assert worst_tile(difference) == slow_tile(difference)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.data())
def test_components_are_labelled_by_their_smallest_vertex(count, data):
    edges = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=60))
    expected = np.arange(count)
    for _ in range(count):
        for a, b in edges:
            expected[[a, b]] = min(expected[a], expected[b])
    a, b = np.array(edges, np.int64).reshape(-1, 2).T
    assert np.array_equal(components(count, a, b), expected)


def test_a_chain_in_the_worst_order_is_one_component_in_the_rounds_that_are_allowed():
    rng = np.random.default_rng(5)
    for count in (1000, 65_536):
        order = rng.permutation(count)
        assert not components(count, order[:-1], order[1:]).any()
        star = np.full(count - 1, count - 1)
        assert not components(count, star, np.arange(count - 1)).any()


def spiral(size):
    mask, y, x, step = np.zeros((size, size), bool), 0, 0, (0, 1)
    mask[0, 0] = True
    while True:
        for _ in range(2):
            v, u = y + 2 * step[0], x + 2 * step[1]
            if 0 <= v < size and 0 <= u < size and not mask[v, u]:
                break
            step = (step[1], -step[0])
        else:
            return mask
        mask[y + step[0], x + step[1]] = mask[v, u] = True
        y, x = v, u


def test_blobs_of_hard_masks_are_found_in_bounded_time():
    """Spirals, combs, chessboards and noise of a million pixels; a search in Python would take a minute."""
    size = 1024
    comb = np.zeros((size, size), bool)
    comb[:, ::2] = comb[-1] = True
    board = np.add.outer(np.arange(size), np.arange(size)) % 2 == 0
    noise = np.random.default_rng(1).random((size, size)) < 0.41
    small = spiral(33)
    assert largest_blob(small) == slow_blob(small)
    start = time.perf_counter()
    for mask in (spiral(size), comb, board):
        assert largest_blob(mask).pixels == mask.sum()
    assert 0 < largest_blob(noise).pixels < noise.sum()
    assert largest_blob(~np.zeros((size, size), bool)) == Blob(size * size, (0, 0, size, size))
    assert time.perf_counter() - start < 20


def test_equal_pictures_pass_the_strictest_gates():
    comparison = compare(picture(), picture(), EXACT)
    assert comparison.passed and not comparison.difference.any()
    assert comparison.tile == comparison.blob == (0, 0, 0, 0)


def test_one_byte_fails_where_bytes_must_be_equal():
    changed = picture()
    changed[3, 4, 1] += 1
    comparison = compare(changed, picture(), EXACT)
    assert not comparison.passed and comparison.gates[0].found == 1
    assert comparison.blob == (4, 3, 1, 1)


@pytest.mark.parametrize("gate, tolerance", [
    (1, Tolerance(255, 2.0, 1.0, 2**31)),
    (2, Tolerance(8, 255.0, 0.005, 2**31)),
    (3, Tolerance(8, 255.0, 1.0, 16)),
])
def test_each_gate_alone_catches_a_patch_and_passes_a_few_pixels(gate, tolerance):
    fault, legitimate = picture(), picture()
    fault[20:32, 41:53, 0] ^= 0x80
    legitimate[::30, ::40, 1] ^= 0x10
    failed = [not found.passed for found in compare(fault, picture(), tolerance).gates]
    assert failed == [number == gate for number in range(5)]
    assert compare(legitimate, picture(), tolerance).passed


def test_a_patch_that_straddles_four_tiles_of_a_grid_counts_in_full():
    fault = picture()
    fault[24:40, 24:40, 0] ^= 0x80
    tile = compare(fault, picture(), LOOSE).gates[1]
    assert tile.found == 128.0


def test_the_mean_of_flip_likes_a_wrong_patch_better_than_another_driver_and_the_gates_do_not():
    """Why the mean is told and not asked (DESIGN section 10)."""
    pytest.importorskip("flip_evaluator")
    expected = picture(256, 256)
    noisy = expected.copy()
    noisy[..., :3] = np.clip(expected[..., :3].astype(int) + np.random.default_rng(3).integers(-4, 5, (256, 256, 3)), 0, 255)
    patch = expected.copy()
    patch[100:112, 100:112] = (255, 0, 0, 255)
    assert flip(patch, expected)[0] < flip(noisy, expected)[0]
    assert not compare(patch, expected, OTHER_VERSION).passed
    assert compare(noisy, expected, Tolerance(8, 4.0, 0.005, 16)).passed


def test_flip_is_left_out_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    assert flip(picture(), picture()) is None


def test_what_no_one_sees_counts_for_bytes_alone():
    one, other = picture(), picture()
    one[:8, :8], other[:8, :8] = (255, 0, 0, 0), (0, 255, 0, 0)
    assert not compare(one, other, EXACT).passed
    assert compare(one, other, SAME_SERIES).passed
    other[:8, :8, 3] = 40
    assert not compare(one, other, SAME_SERIES).passed


def test_pictures_of_two_sizes_are_refused():
    with pytest.raises(InvalidInput, match="96x64 and 64x64"):
        compare(picture(), picture(64, 64), EXACT)


def test_a_difference_of_one_can_be_seen_in_the_painted_picture():
    changed = picture()
    changed[10, 10, 0] += 1
    painted = paint_difference(compare(changed, picture(), EXACT).difference, picture())
    red, green, blue = painted[10, 10].astype(int)
    assert red > 150 and red > green + 100 and red > blue + 100
    assert np.ptp(painted[40, 40].astype(int)) == 0
