"""`check_solid`: what a printer needs to know, against bodies whose answer is known and against a slow count."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metarender as mr


def body(positions, triangles):
    return mr.Geometry(positions=np.asarray(positions, np.float32), indices=np.asarray(triangles, np.uint32).ravel())


CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
FACES = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7],
                  [1, 7, 3]])


@pytest.mark.parametrize(("make", "volume", "area"), [
    (lambda: mr.box((1, 2, 3)), 6, 22), (lambda: mr.sphere(1, segments=256, rings=128), 4 / 3 * np.pi, 4 * np.pi),
    (lambda: mr.torus(1, 0.25), None, None), 
    (lambda: mr.cylinder(0.5, 2), None, None), (lambda: mr.capsule(0.5, 2), None, None), (lambda: mr.cone(0.5, 1), None, None)])
def test_bodies_are_closed_though_their_normals_split_vertices(make, volume, area):
    report = mr.check_solid(make())
    assert report.closed and report.printable and report.shells == 1 and not report.duplicates
    if volume is not None:
        assert report.volume == pytest.approx(volume, rel=2e-3) and report.area == pytest.approx(area, rel=2e-3)
    assert "printable: the surface is closed" in str(report)


def test_a_missing_triangle_is_a_hole_with_its_place():
    report = mr.check_solid(body(CUBE, FACES[1:]))
    assert not report.closed and report.holes == 1
    edges = {tuple(sorted(map(tuple, edge))) for edge in report.open_edges.tolist()}
    assert edges == {((0, 0, 0), (0, 0, 1)), ((0, 0, 1), (0, 1, 1)), ((0, 0, 0), (0, 1, 1))}
    assert "3 open edges" in report.summary and "(0, 0, 0) to (0, 0, 1000) mm" in str(report)


def test_faces_that_disagree_lie_on_others_or_have_no_area():
    turned = FACES.copy()
    turned[0] = turned[0, ::-1]
    assert len(mr.check_solid(body(CUBE, turned)).flipped_edges) == 3
    inside_out = mr.check_solid(body(CUBE, FACES[:, ::-1]))
    assert inside_out.closed and not inside_out.printable and inside_out.volume == -1 and inside_out.summary == "the surface is inside out"
    doubled = mr.check_solid(body(CUBE, [*FACES, FACES[0]]))
    assert doubled.duplicates == 1 and len(doubled.shared_edges) == 3
    slivers = mr.check_solid(body(CUBE, [*FACES, [0, 0, 1]]))
    assert slivers.degenerate == 1 and slivers.printable


def test_shells_places_and_mirrors():
    scene = mr.Scene()
    group = scene.add(None, position=(10, 0, 0), scale=2)
    scene.add(mr.Mesh(body(np.concatenate([CUBE, CUBE + 5]), np.concatenate([FACES, FACES + 8])), mr.Standard()), group)
    scene.add(mr.Mesh(body(CUBE, FACES), mr.Standard()), scale=(-1, 1, 1))
    hidden = scene.add(mr.Mesh(mr.plane(1), mr.Standard()))
    hidden.visible = False
    report = mr.check_solid(scene)
    assert (report.parts, report.shells, report.triangles, report.area) == (2, 3, 36, 2 * 24 + 6)
    assert report.printable and report.volume == pytest.approx(17, rel=1e-12)
    np.testing.assert_array_equal(report.bounds, [[-1, 0, 0], [22, 12, 12]])


def test_the_materials_of_one_node_are_one_surface():
    halves = [(body(CUBE, FACES[:5]), mr.Standard()), (body(CUBE, FACES[5:]), mr.Standard(color="red"))]
    scene = mr.Scene()
    scene.add(mr.Mesh(primitives=halves))
    assert mr.check_solid(scene).printable
    assert not mr.check_solid(halves[0][0]).closed


def test_rounded_vertices_are_joined_and_the_report_says_so():
    soup = CUBE[FACES.ravel()] * 100
    noise = np.random.default_rng(0).uniform(-1e-5, 1e-5, soup.shape)
    report = mr.check_solid(body(soup + noise, np.arange(36)))
    assert report.closed and report.vertices == 8
    assert 1e-6 < report.tolerance < 2e-5 * np.sqrt(3) + 1e-5, "not how far they are apart, which float32 rounds by less than 1e-5"
    assert "vertices up to" in str(report)
    far = mr.check_solid(body(soup + noise * 100, np.arange(36)))
    assert len(far.open_edges) == 36 and far.tolerance == 0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 30), count=st.integers(1, 30))
def test_edges_are_counted_as_a_slow_count_does(seed, count):
    rng = np.random.default_rng(seed)
    triangles = rng.integers(0, 8, (count, 3))
    report = mr.check_solid(body(CUBE, triangles))
    whole = [t for t in triangles.tolist() if len(set(t)) == 3]
    directed = Counter((t[k], t[(k + 1) % 3]) for t in whole for k in range(3))
    both = {edge: (directed[edge], directed[edge[::-1]]) for edge in {tuple(sorted(edge)) for edge in directed}}
    assert len(report.open_edges) == sum(sum(uses) == 1 for uses in both.values())
    assert len(report.shared_edges) == sum(sum(uses) > 2 for uses in both.values())
    assert len(report.flipped_edges) == sum(uses in ((2, 0), (0, 2)) for uses in both.values())
    assert report.duplicates == len(whole) - len({tuple(sorted(t)) for t in whole})
    pieces = [{edge for k in range(3) for edge in [tuple(sorted((t[k], t[(k + 1) % 3])))]} for t in whole]
    joined: list = []
    for piece in pieces:
        touching = [other for other in joined if other & piece]
        joined = [other for other in joined if not other & piece] + [piece.union(*touching)]
    assert report.shells == len(joined)


def test_nothing_and_lines():
    assert mr.check_solid(mr.Scene()).summary == "it has no triangles"
    assert not mr.check_solid(mr.grid(1)).printable


def test_real_parts(assets):
    holed = mr.check_solid(mr.load(assets / "formats/STL/sphereWithHole.stl"))
    assert (len(holed.open_edges), holed.holes, holed.printable) == (9, 1, False)
    closed = mr.check_solid(mr.load(assets / "cad/trimesh/featuretype.STL"))
    assert closed.printable and closed.vertices == 1722 and closed.volume == pytest.approx(11.627733e-9, rel=1e-6)
    box = mr.check_solid(mr.load(assets / "formats/3MF/box.3mf"))
    assert box.printable and box.volume == pytest.approx(6e-6, rel=1e-6)
