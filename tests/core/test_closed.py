"""What checks of closed surfaces ask of the core, against slow counts: equal rows, faulty edges, pieces, measures, facets of STL."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarender._core import faulty_edges, measure, number_rows, pieces_of, stl_facets
from metarender.errors import InvalidInput
from metarender.io.stl import FACET
from metarender.solid import _numbered

seeds = st.integers(0, 1 << 30)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, count=st.integers(0, 400), most=st.sampled_from([1, 3, 20, 1 << 32]))
def test_rows_are_numbered_as_they_appear(seed, count, most):
    rows = np.random.default_rng(seed).integers(0, most, (count, 3)).astype(np.uint32)
    known: dict = {}
    expected = [known.setdefault(tuple(row), len(known)) for row in rows.tolist()]
    first, place = number_rows(rows)
    assert place.tolist() == expected and (np.diff(first.astype(np.int64)) > 0).all()
    assert [tuple(row) for row in rows[first].tolist()] == list(known)


def inverse_of_the_hash(places):
    """Rows that all fall into one place of the table: the hash is undone step by step."""
    mask, rows = (1 << 64) - 1, []
    for k in range(places):
        h = (k << 40) & mask
        h ^= h >> 32
        h = h * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & mask
        third = k
        x = h ^ third
        x ^= x >> 29 ^ x >> 58
        x = x * pow(0x9E3779B97F4A7C15, -1, 1 << 64) & mask
        rows.append((x >> 32, x & 0xFFFFFFFF, third))
    return np.array(rows, np.uint32)


def test_promise_6_rows_that_fall_into_one_place_of_the_table_are_sorted_instead():
    rows = np.tile(inverse_of_the_hash(300), (2, 1))
    with pytest.raises(OverflowError):
        number_rows(rows)
    first, place = _numbered(rows)
    assert np.array_equal(first, np.arange(300)) and np.array_equal(place, np.tile(np.arange(300), 2))


def test_a_fan_of_many_triangles_at_one_edge_is_counted():
    """A thousand triangles around one edge, each there twice: the heap sorts them, and nothing is counted in squares."""
    fan = np.stack([np.zeros(1000), np.ones(1000), np.arange(2, 1002)], axis=1).astype(np.uint32)
    mixed = np.random.default_rng(0).permutation(np.concatenate([fan, fan[:, [1, 2, 0]]]))
    edges, shells, duplicates = faulty_edges(np.ascontiguousarray(mixed), 1002)
    assert (shells, duplicates) == (1, 1000) and edges[edges[:, 2] == 2].tolist() == [[0, 1, 2]]
    flipped = edges[edges[:, 2] == 3]
    assert len(flipped) == 2000 and np.array_equal(edges[:, :2], edges[np.lexsort(edges[:, 1::-1].T), :2])


@settings(max_examples=40, deadline=None)
@given(seed=seeds, count=st.integers(0, 30), pairs=st.integers(0, 40))
def test_pieces_are_named_by_their_lowest_members(seed, count, pairs):
    edges = np.random.default_rng(seed).integers(0, max(count, 1), (pairs * (count > 0), 2)).astype(np.uint32)
    label = list(range(count))
    for _ in range(count):
        for a, b in edges.tolist():
            label[a] = label[b] = min(label[a], label[b])
    assert pieces_of(edges, count).tolist() == label


def test_measures_are_those_of_numpy():
    rng = np.random.default_rng(1)
    positions, triangles = rng.normal(size=(50, 3)).astype(np.float32) + 7, rng.integers(0, 50, (5000, 3)).astype(np.uint32)
    matrix = np.eye(4)
    matrix[:3] = rng.normal(size=(3, 4))
    area, volume, bounds, flat = measure(positions, triangles, matrix)
    corners = positions.astype(np.float64)[triangles]
    world = corners @ matrix[:3, :3].T + matrix[:3, 3]
    cross = np.cross(world[:, 1] - world[:, 0], world[:, 2] - world[:, 0])
    assert area == pytest.approx(np.linalg.norm(cross, axis=1).sum() / 2, rel=1e-12)
    middle = (positions.min(axis=0).astype(np.float64) + positions.max(axis=0)) / 2
    assert volume == pytest.approx(np.linalg.det(corners - middle).sum() / 6, rel=1e-9)
    moved = positions.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    np.testing.assert_allclose(bounds, [moved.min(axis=0), moved.max(axis=0)], rtol=1e-12)
    assert flat == sum(len({*row}) < 3 for row in triangles.tolist())


@pytest.mark.parametrize("turned", [False, True])
def test_facets_have_unit_normals_in_the_layout_of_stl(turned):
    rng = np.random.default_rng(2)
    positions, indices = rng.normal(size=(9, 3)).astype(np.float32), np.array([0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 0, 1], np.uint32)
    facets = stl_facets(positions, indices, turned).view(FACET).reshape(-1)
    corners = positions[indices].reshape(-1, 3, 3)[:, :: -1 if turned else 1]
    assert np.array_equal(facets["corners"], corners) and not facets["color"].any()
    exact = corners.astype(np.float64)
    cross = np.cross(exact[:, 1] - exact[:, 0], exact[:, 2] - exact[:, 0])
    length = np.linalg.norm(cross, axis=1, keepdims=True)
    np.testing.assert_allclose(facets["normal"], cross / np.where(length > 0, length, 1), atol=1e-7)
    assert not facets["normal"][2].any()


def test_promise_6_wrong_numbers_are_refused():
    positions, rows = np.zeros((3, 3), np.float32), np.array([[0, 1, 3]], np.uint32)
    for call in (lambda: stl_facets(positions, rows.ravel()), lambda: stl_facets(positions, rows.ravel()[:2]),
                 lambda: measure(positions, rows, np.eye(4)), lambda: measure(positions[:0], rows[:0], np.eye(4)),
                 lambda: faulty_edges(rows, 3), lambda: faulty_edges(np.array([[0, 1, 1]], np.uint32), 3),
                 lambda: pieces_of(np.array([[0, 1]], np.uint32), 1), lambda: number_rows(np.zeros((2, 2), np.uint32))):
        with pytest.raises(InvalidInput):
            call()
    assert faulty_edges(rows[:0], 3)[1:] == (0, 0) and stl_facets(positions, rows.ravel()[:0]).shape == (0, 50)
