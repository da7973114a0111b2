"""The viewer on a target without a window: when it draws, what it hands on, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import metarender as mr
from metarender.controls.events import LEFT, AnyEvent, Close, Key, Pointer, Resize, Wheel
from metarender.errors import InvalidInput, ReleasedError
from metarender.targets.offscreen import OffscreenTarget
from metarender.viewer import Viewer


@pytest.fixture
def scene() -> mr.Scene:
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1.0), mr.Unlit(color="#ff8000")), name="box")
    return scene


@pytest.fixture
def target() -> Iterator[OffscreenTarget]:
    with OffscreenTarget((160, 120)) as opened:
        yield opened


def drew(viewer: Viewer) -> bool:
    before = viewer.frame
    assert viewer.step()
    return viewer.frame is not before


def test_it_draws_only_when_something_changed(scene: mr.Scene, target: OffscreenTarget) -> None:
    viewer = Viewer(scene, target=target)
    assert drew(viewer) and not drew(viewer)
    node = scene.find("box")
    assert node is not None and node.mesh is not None
    node.position = (0.1, 0.0, 0.0)
    assert drew(viewer) and not drew(viewer)
    node.mesh.primitives[0][1].color = "red"
    assert drew(viewer) and not drew(viewer)
    scene.background = "blue"
    assert drew(viewer) and not drew(viewer)
    assert scene.environment is not None
    scene.environment.intensity = 0.5
    assert drew(viewer) and not drew(viewer)
    viewer.camera.position = (0.0, 0.0, 9.0)
    assert drew(viewer) and not drew(viewer)
    scene.post(lambda: setattr(node, "visible", False))
    assert drew(viewer) and not drew(viewer)
    target.send(Wheel(dx=0.0, dy=-100.0))
    assert drew(viewer) and not drew(viewer)
    viewer.redraw()
    assert drew(viewer) and not drew(viewer)
    viewer.close()


def test_an_animation_draws_every_step_and_counts_from_zero(scene: mr.Scene, target: OffscreenTarget) -> None:
    times: list[float] = []
    with Viewer(scene, target=target, on_frame=times.append) as viewer:
        assert all(drew(viewer) for _ in range(4))
    assert times[0] == 0.0 and times == sorted(times) and times[-1] > 0


def test_what_plays_is_played_and_the_space_bar_stops_it(scene: mr.Scene, target: OffscreenTarget) -> None:
    node = scene.find("box")
    assert node is not None
    scene.play(mr.Clip("slide", [mr.Track(node, "position", [0, 1e6], [[0, 0, 0], [1e6, 0, 0]])]))
    with Viewer(scene, target=target) as viewer:
        assert drew(viewer) and viewer.clock == 0
        assert drew(viewer) and drew(viewer)
        assert node.position[0] == pytest.approx(viewer.clock) and viewer.clock > 0
        target.send(Key(kind="down", key=" "))
        viewer.step()
        stood = viewer.clock
        assert viewer.paused and not drew(viewer) and viewer.clock == stood
        target.send(Key(kind="down", key=" "))
        assert drew(viewer) and viewer.clock > stood


def test_a_field_of_several_times_is_played(scene: mr.Scene, target: OffscreenTarget) -> None:
    box = mr.box()
    field = mr.Field(np.linspace(0, 1, 2 * box.vertex_count).reshape(2, -1), [0.0, 1e6])
    scene.add(mr.Mesh(box.with_field(field), mr.Heat(mr.Colormap.viridis(0, 1))))
    with Viewer(scene, target=target) as viewer:
        assert drew(viewer) and drew(viewer)
        assert field.time == viewer.clock > 0
        viewer.paused = True
        assert not drew(viewer)


def test_on_frame_may_close_the_viewer(scene: mr.Scene, target: OffscreenTarget) -> None:
    viewer = Viewer(scene, target=target, on_frame=lambda seconds: viewer.close())
    assert viewer.step() is False and viewer.closed and viewer.frame is None
    viewer.pace()


def test_resizing_changes_the_picture(scene: mr.Scene, target: OffscreenTarget) -> None:
    with Viewer(scene, target=target) as viewer:
        viewer.step()
        assert target.picture is not None and target.picture.shape == (120, 160, 4)
        target.send(Resize(width=50.0, height=40.0))
        viewer.step()
        assert target.picture.shape == (40, 50, 4)
        target.send(Resize(width=0.0, height=0.0))
        assert not drew(viewer)
        target.send(Resize(width=30.0, height=20.0, pixel_ratio=1.0))
        assert drew(viewer) and target.picture.shape == (20, 30, 4)


def test_events_reach_user_code_first(scene: mr.Scene, target: OffscreenTarget) -> None:
    seen: list[AnyEvent] = []

    def swallow(event: AnyEvent) -> bool:
        seen.append(event)
        return isinstance(event, Key)

    with Viewer(scene, target=target, on_event=swallow) as viewer:
        viewer.step()
        target.send(Key(kind="down", key="Escape"))
        target.send(Pointer(kind="move", x=3.0, y=4.0))
        assert viewer.step() and len(seen) == 2
        target.send(Close())
        assert viewer.step() is False


def test_the_title_tells_the_statistics(scene: mr.Scene, target: OffscreenTarget) -> None:
    with Viewer(scene, target=target, title="mine") as viewer:
        viewer.step()
        assert target.title.startswith("mine - ") and "1 instances, 12 triangles, 1 draw calls" in target.title
        assert viewer.stats is not None and viewer.stats.instances == 1


def test_a_camera_is_moved_and_a_nodes_camera_is_not(scene: mr.Scene, target: OffscreenTarget) -> None:
    camera = mr.PerspectiveCamera()
    camera.look_at((0, 0, 5), (0, 0, 0))
    with Viewer(scene, camera, target=target) as viewer:
        assert viewer.camera is camera
        target.send(Pointer(kind="down", x=10, y=10, button=LEFT, buttons=(LEFT,)))
        target.send(Pointer(kind="move", x=30, y=10, buttons=(LEFT,)))
        viewer.step()
        assert abs(camera.position[0]) > 0.1
    node = scene.add(mr.PerspectiveCamera(), position=(0, 0, 4))
    with OffscreenTarget((32, 32)) as other, Viewer(scene, node, target=other) as viewer:
        other.send(Wheel(dx=0.0, dy=-100.0))
        viewer.step()
        assert np.allclose(node.world_matrix[:3, 3], (0, 0, 4)) and viewer.camera.position[2] < 4


def test_a_transparent_scene_is_opaque_in_a_window(scene: mr.Scene, target: OffscreenTarget) -> None:
    with Viewer(scene, target=target) as viewer:
        viewer.step()
        assert target.picture is not None
        assert (target.picture[..., 3] == 255).all() and tuple(target.picture[0, 0]) == (0x30, 0x34, 0x3A, 255)


def test_closing_and_mistakes(scene: mr.Scene) -> None:
    with pytest.raises(InvalidInput, match="on_event must be callable"):
        Viewer(scene, on_event=3)  # type: ignore[arg-type]
    for size, ratio in (((0, 4), 1.0), ((4, 4), 0.0)):
        with pytest.raises(InvalidInput, match="at least 1x1"):
            OffscreenTarget(size, pixel_ratio=ratio)
    target = OffscreenTarget((8, 8))
    with pytest.raises(InvalidInput, match="tone_mapping"):
        Viewer(scene, target=target, tone_mapping="sepia")
    assert target.closed and target.device.closed
    target = OffscreenTarget((8, 8))
    viewer = Viewer(scene, target=target)
    viewer.step()
    viewer.close()
    viewer.close()
    assert target.device.live == {} and viewer.step() is False
    with pytest.raises(ReleasedError):
        target.device.use()
