"""Orbit control and events, without a window."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarender.camera import OrthographicCamera, PerspectiveCamera
from metarender.controls.events import LEFT, MIDDLE, RIGHT, Close, Key, Pointer, Resize, Wheel
from metarender.controls.orbit import Orbit, OrbitPose, pose_of

BOX = np.array([[-1.0, 0.0, -1.0], [1.0, 2.0, 1.0]])


def make(camera: PerspectiveCamera | OrthographicCamera | None = None) -> Orbit:
    camera = camera or PerspectiveCamera()
    camera.orbit(0.3, 1.2, 5.0, (0.0, 1.0, 0.0))
    return Orbit(camera, lambda: BOX, (800.0, 400.0))


def drag(control: Orbit, button: int, dx: float, dy: float, modifiers: tuple[str, ...] = ()) -> list[bool]:
    at = (400.0, 200.0)
    return [
        control.handle(Pointer(kind="down", x=at[0], y=at[1], button=button, buttons=(button,), modifiers=modifiers)),
        control.handle(Pointer(kind="move", x=at[0] + dx, y=at[1] + dy, buttons=(button,), modifiers=modifiers)),
        control.handle(Pointer(kind="up", x=at[0] + dx, y=at[1] + dy, button=button, modifiers=modifiers)),
    ]


def test_events_are_frozen_and_carry_their_units() -> None:
    event = Resize(width=640.0, height=360.0, pixel_ratio=1.5)
    assert event.framebuffer_size == (960, 540)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.width = 3.0  # type: ignore[misc]
    assert Close(time=2.0).time == 2.0 and Wheel(dx=0, dy=100).modifiers == ()


def test_the_start_pose_is_the_cameras() -> None:
    control = make()
    assert control.pose.theta == pytest.approx(0.3) and control.pose.phi == pytest.approx(1.2)
    assert control.pose.radius == pytest.approx(5.0) and control.pose.target == pytest.approx((0, 1, 0))


def test_left_drag_turns_about_the_target() -> None:
    control = make()
    camera = control._camera
    before = camera.position
    assert drag(control, LEFT, 100.0, 0.0) == [False, True, False]
    assert control.pose.theta == pytest.approx(0.3 - math.pi * 100 / 400) and control.pose.phi == pytest.approx(1.2)
    assert np.linalg.norm(camera.position - (0, 1, 0)) == pytest.approx(5.0) and not np.allclose(before, camera.position)
    drag(control, LEFT, 0.0, -10_000.0)
    assert control.pose.phi == math.pi
    assert np.isfinite(camera.matrix).all()
    drag(control, LEFT, 0.0, 20_000.0)
    assert control.pose.phi == 0.0
    assert np.linalg.det(camera.matrix[:3, :3]) == pytest.approx(1.0)


@pytest.mark.parametrize("button, modifiers", [(RIGHT, ()), (MIDDLE, ()), (LEFT, ("Shift",))])
def test_the_point_under_the_pointer_follows_a_pan(button: int, modifiers: tuple[str, ...]) -> None:
    control = make()
    camera = control._camera

    def project(point: np.ndarray) -> np.ndarray:
        clip = camera.projection(2.0) @ np.linalg.inv(camera.matrix) @ np.append(point, 1.0)
        return np.array([(clip[0] / clip[3] * 0.5 + 0.5) * 800, (0.5 - clip[1] / clip[3] * 0.5) * 400])

    point = np.array([0.0, 1.0, 0.0])
    assert project(point) == pytest.approx([400, 200])
    drag(control, button, 60.0, 25.0, modifiers)
    assert project(point) == pytest.approx([460, 225])


def test_the_wheel_comes_nearer_and_back() -> None:
    control = make()
    assert control.handle(Wheel(dx=0.0, dy=-100.0))
    assert control.pose.radius == pytest.approx(5.0 / 1.1)
    assert control.handle(Wheel(dx=0.0, dy=100.0))
    assert control.pose.radius == pytest.approx(5.0) and control.pose.target == pytest.approx((0, 1, 0))
    assert not control.handle(Wheel(dx=5.0, dy=0.0))
    for _ in range(2000):
        control.handle(Wheel(dx=0.0, dy=-1e6))
    assert control.pose.radius > 0 and np.isfinite(control._camera.matrix).all()


def test_the_wheel_scales_a_parallel_projection() -> None:
    camera = OrthographicCamera(height=4.0)
    control = make(camera)
    control.handle(Wheel(dx=0.0, dy=-100.0))
    assert camera.height == pytest.approx(4.0 / 1.1) and control.pose.radius == pytest.approx(5.0)


def test_f_frames_the_scene_from_the_same_direction() -> None:
    control = make()
    drag(control, RIGHT, 900.0, 100.0)
    back = control._camera.matrix[:3, 2]
    assert control.handle(Key(kind="down", key="f"))
    camera = control._camera
    assert camera.matrix[:3, 2] == pytest.approx(back)
    assert control.pose.target == pytest.approx((0, 1, 0))
    view = np.linalg.inv(camera.matrix)
    corners = np.array([[x, y, z, 1.0] for x in BOX[:, 0] for y in BOX[:, 1] for z in BOX[:, 2]])
    clip = corners @ (camera.projection(2.0) @ view).T
    assert (np.abs(clip[:, :2]) <= clip[:, 3:]).all()
    before = camera.matrix
    drag(control, LEFT, 0.0, 0.0)
    control._apply()
    assert camera.matrix == pytest.approx(before)


def test_other_keys_and_empty_scenes_do_nothing() -> None:
    control = make()
    assert not control.handle(Key(kind="up", key="f")) and not control.handle(Key(kind="down", key="g"))
    assert not control.handle(Key(kind="down", key="f", modifiers=("Control",)))
    assert not control.handle(Close()) and not control.handle(Resize(width=0, height=0))
    assert control._size == (800.0, 400.0)
    empty = Orbit(PerspectiveCamera(), lambda: None)
    assert not empty.frame() and np.isfinite(empty.pose.radius)


def test_a_move_without_a_press_inside_does_nothing() -> None:
    control = make()
    assert not control.handle(Pointer(kind="move", x=10, y=10))
    assert not control.handle(Pointer(kind="move", x=90, y=10, buttons=(LEFT,)))  # pressed elsewhere: only the start is taken
    assert control.handle(Pointer(kind="move", x=100, y=10, buttons=(LEFT,)))


@given(st.floats(-3.1, 3.1), st.floats(0.0, math.pi), st.floats(0.01, 1e6), st.tuples(*[st.floats(-1e6, 1e6)] * 3))
def test_pose_of_inverts_orbit(theta: float, phi: float, radius: float, target: tuple[float, float, float]) -> None:
    camera = PerspectiveCamera()
    camera.orbit(theta, phi, radius, target)
    pose = pose_of(camera.matrix, target)
    again = PerspectiveCamera()
    again.orbit(pose.theta, pose.phi, pose.radius, pose.target)
    scale = radius + max(map(abs, target)) + 1
    assert again.matrix[:3, :3] == pytest.approx(camera.matrix[:3, :3], abs=1e-6)
    assert again.matrix[:3, 3] == pytest.approx(camera.matrix[:3, 3], abs=1e-6 * scale)


def test_axes_are_the_cameras() -> None:
    camera = PerspectiveCamera()
    camera.orbit(0.7, 1.0, 3.0)
    right, up, back = OrbitPose(0.7, 1.0, 3.0, (0, 0, 0)).axes()
    assert np.column_stack([right, up, back]) == pytest.approx(camera.matrix[:3, :3])
