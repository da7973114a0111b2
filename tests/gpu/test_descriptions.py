"""Geometries and materials by index: a new one costs the same however many there are, and each device sees only what is new."""

from __future__ import annotations

import sys

import metarender as mr
from metarender.gpu.geometry_pool import GeometryPool


def calls_of(action) -> int:
    """Python calls that an action makes."""
    count = 0

    def note(_frame, event, _argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def test_a_new_geometry_costs_the_same_beside_two_and_beside_two_thousand(renderer, monkeypatch):
    asked = []
    add = GeometryPool.add
    monkeypatch.setattr(GeometryPool, "add", lambda self, geometries: asked.append(len(geometries)) or add(self, geometries))
    scene, red = mr.Scene(), mr.Unlit(color="red")

    def one_more():
        scene.add(mr.Mesh(mr.box(1), red))
        renderer.render(scene)

    one_more()
    one_more()
    few = calls_of(one_more)
    for _ in range(2000):
        scene.add(mr.Mesh(mr.box(1), red))
    one_more()
    one_more()
    many = calls_of(one_more)
    assert asked == [1, 1, 1, 2001, 1, 1] and abs(many - few) <= few // 10


def test_a_freed_index_is_drawn_with_its_new_geometry(renderer):
    scene, red = mr.Scene(), mr.Unlit(color="red")
    node = scene.add(mr.Mesh(mr.box(1), red))
    renderer.render(scene)
    node.mesh = None
    renderer.render(scene)
    ball = mr.sphere(0.5)
    node.mesh = mr.Mesh(ball, red)
    frame = renderer.render(scene)
    assert scene.geometry_list == [ball] and frame.stats.triangles == ball.index_count // 3
