"""What readers ask of the core: polygons cut into triangles that cover them once, flat normals, rows of lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metarender as mr
from metarender._core import flat_normals, ply_rows, triangulate


def area(points):
    """Twice the vector area of a polygon, (n, 3) to (3,)."""
    return np.cross(points - points[0], np.roll(points, -1, axis=0) - points[0]).sum(axis=0)


def star(rng, corners):
    """A polygon that does not cut itself: corners at rising angles, at any distance from the middle."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + 0.2 * np.pi / corners * np.sin(angle)
    reach = rng.uniform(0.1, 1.0, corners)
    return np.stack([reach * np.cos(angle), reach * np.sin(angle), np.zeros(corners)], axis=1)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 30), corners=st.integers(3, 24))
def test_triangles_of_a_concave_polygon_cover_it_once(seed, corners):
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    points = np.ascontiguousarray(star(rng, corners) @ turn.T + rng.uniform(-5, 5, 3))
    order = rng.permutation(corners)
    places = np.argsort(order).astype(np.uint32)  # corner k stands in row places[k]
    triangles = triangulate(points[order], places, np.array([corners], np.uint32))
    assert triangles.shape == (corners - 2, 3)
    parts = points[triangles]
    whole = area(points)
    turned = np.cross(parts[:, 1] - parts[:, 0], parts[:, 2] - parts[:, 0]) @ (whole / np.linalg.norm(whole))
    assert (turned > 0).all()  # none is turned over, and they fill the area: so they cover it once
    np.testing.assert_allclose(turned.sum(), np.linalg.norm(whole), rtol=1e-9)


@pytest.mark.parametrize("first", range(5))
def test_an_ear_that_holds_a_corner_stays(first):
    """The ear at the origin holds the notch (2, 1), whichever corner is looked at first."""
    points = np.roll(np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [2, 1, 0], [0, 4, 0]], float), first, axis=0)
    parts = points[triangulate(points, np.arange(5, dtype=np.uint32), np.array([5], np.uint32))]
    turned = np.cross(parts[:, 1] - parts[:, 0], parts[:, 2] - parts[:, 0])[:, 2]
    assert (turned > 0).all() and turned.sum() == area(points)[2]


def test_a_fan_where_it_is_convex_and_several_at_once():
    angle = np.arange(5) / 5 * 2 * np.pi
    points = np.stack([np.cos(angle), np.sin(angle), np.zeros(5)], axis=1)
    corners = np.array([0, 1, 2, 0, 1, 2, 3, 4], np.uint32)
    triangles = triangulate(points, corners, np.array([3, 5], np.uint32))
    np.testing.assert_array_equal(triangles, [[0, 1, 2], [3, 4, 5], [3, 5, 6], [3, 6, 7]])


@pytest.mark.parametrize("points", [
    np.zeros((6, 3)), np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], float), np.full((5, 3), np.nan),
    np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]], float), np.full((4, 3), 1e308)],
    ids=["one place", "a line", "nan", "a bow", "huge"])
def test_what_has_no_inside_still_gives_its_triangles(points):
    corners = np.arange(len(points), dtype=np.uint32)
    triangles = triangulate(points, corners, np.array([len(points)], np.uint32))
    assert triangles.shape == (len(points) - 2, 3) and triangles.max() < len(points)


def test_promise_6_a_polygon_that_would_take_minutes_is_refused():
    count = 20_000
    angle = np.arange(count) / count * 2 * np.pi
    points = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], axis=1) * np.where(np.arange(count) % 2, 1.0, 0.999)[:, None]
    with pytest.raises(mr.InvalidInput, match="use triangles"):
        triangulate(points, np.arange(count, dtype=np.uint32), np.array([count], np.uint32), 1_000_000)


@pytest.mark.parametrize(("corners", "counts"), [([0, 1, 9], [3]), ([0, 1, 2], [4]), ([0, 1], [2]), ([0, 1, 2], [])])
def test_promise_6_what_does_not_fit_is_refused(corners, counts):
    points = np.eye(3)
    if not counts:
        assert triangulate(points, np.zeros(0, np.uint32), np.zeros(0, np.uint32)).shape == (0, 3)
        return
    with pytest.raises(mr.InvalidInput):
        triangulate(points, np.array(corners, np.uint32), np.array(counts, np.uint32))


def slow_flat_normals(positions, indices):
    """What `flat_normals` does of sizes that float32 can square, with numpy in float32."""
    corners = positions[indices].reshape(-1, 3, 3)
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(face, axis=1, keepdims=True)
    face = np.where(length > 0, face / np.where(length > 0, length, 1), np.array([0, 1, 0], np.float32))
    return corners.reshape(-1, 3), np.repeat(face, 3, axis=0)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 1 << 30), scale=st.sampled_from([1e-6, 1e-3, 1.0, 1e6]))
def test_flat_normals_have_the_bits_of_numpy(seed, scale):
    rng = np.random.default_rng(seed)
    positions = (rng.normal(size=(20, 3)) * scale).astype(np.float32)
    indices = rng.integers(0, 20, 3 * 40).astype(np.uint32)  # some have no area
    with np.errstate(all="ignore"):
        wanted = slow_flat_normals(positions, indices)
    for got, want in zip(flat_normals(positions, indices), wanted, strict=True):
        np.testing.assert_array_equal(got.view(np.uint32), want.view(np.uint32))


def test_promise_6_flat_normals_refuse_what_does_not_fit():
    with pytest.raises(mr.InvalidInput, match="below 3, not 3"):
        flat_normals(np.eye(3, dtype=np.float32), np.array([0, 1, 3], np.uint32))
    with pytest.raises(mr.InvalidInput, match="three indices for each triangle"):
        flat_normals(np.eye(3, dtype=np.float32), np.array([0, 1], np.uint32))


def test_promise_6_rows_of_lists_are_not_read_past_their_end():
    layout = np.array([[1, 1, 0]], np.uint32)
    offsets, lengths, end = ply_rows(b"\2ab\0\1c", 0, 3, layout, False)
    assert (offsets.tolist(), lengths.tolist(), end) == ([[1, 4, 5]], [[2, 0, 1]], 6)
    assert ply_rows(b"\2ab\0\2c", 0, 3, layout, False)[2] == 0
    assert ply_rows(b"\xff", 0, 1, np.array([[1, 1, 1]], np.uint32), False)[2] == 0
    assert ply_rows(b"\0\0\0\1x", 0, 1, np.array([[1, 4, 0]], np.uint32), True)[2] == 5
    with pytest.raises(mr.InvalidInput, match="needs values of 1 to 8 bytes"):
        ply_rows(b"x", 0, 1, np.array([[0, 1, 0]], np.uint32), False)


@pytest.mark.parametrize("size", [1e-18, 1e-12, 1e-9, 1.0, 1e9, 1e12, 1e18, 3e38])
def test_flat_normals_have_unit_length_whatever_the_size(size):
    corner = np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.25, 0.75]]) - 0.5
    normals = flat_normals((corner * size).astype(np.float32), np.arange(3, dtype=np.uint32))[1]
    wanted = np.cross(corner[1] - corner[0], corner[2] - corner[0])
    np.testing.assert_allclose(normals, np.tile(wanted / np.linalg.norm(wanted), (3, 1)), rtol=0, atol=1e-5)


def test_a_triangle_without_area_faces_up():
    points = np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2]], np.float32)
    assert flat_normals(points, np.arange(3, dtype=np.uint32))[1].tolist() == [[0, 1, 0]] * 3
