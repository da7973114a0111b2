"""Points of a cloud fill squares of the size that was asked for, per renderer, and captures keep it."""

import numpy as np
import pytest

import metarender as mr


def cloud():
    scene = mr.Scene()
    scene.environment = None
    geometry = mr.Geometry(positions=[(0, 0, 0), (1, 1, 0)], colors=np.array([[255, 0, 0], [0, 255, 0]], np.uint8), topology="points")
    scene.add(mr.Mesh(geometry, mr.Unlit()))
    return scene, mr.OrthographicCamera(height=4).look_at((0, 0, 5), (0, 0, 0))


def covered(frame):
    return int((frame.color[..., 3] > 0).sum())


def test_a_point_fills_its_square_and_renderers_of_one_device_differ(device):
    scene, camera = cloud()
    with mr.Renderer((64, 64), msaa=1, device=device) as plain, mr.Renderer((64, 64), msaa=1, point_size=5, device=device) as large:
        for _ in range(2):
            assert covered(plain.render(scene, camera)) == 2
            frame = large.render(scene, camera, outputs=("color", "ids"))
            assert covered(frame) == 50 and (frame.ids > 0).sum() == 50
        np.testing.assert_array_equal(np.unique(frame.color.reshape(-1, 4), axis=0), [[0, 0, 0, 0], [0, 255, 0, 255], [255, 0, 0, 255]])
        calls = [large.render(scene, camera).stats.gl_calls for _ in range(3)]
        assert calls[1] == calls[2]


def test_a_capture_keeps_it(device, tmp_path):
    scene, camera = cloud()
    with mr.Renderer((64, 64), msaa=1, point_size=5, device=device) as renderer:
        mr.capture(scene, camera, tmp_path / "a.mrz", renderer=renderer)
    opened = mr.open_capture(tmp_path / "a.mrz")
    assert opened.settings["point_size"] == 5


@pytest.mark.parametrize("value", [0, 0.5, 257, "3", None, float("nan")])
def test_a_size_that_no_point_can_have_is_refused(value):
    with pytest.raises(mr.InvalidInput, match=r"point_size=.* must be a number from 1 to 256"):
        mr.Renderer((8, 8), point_size=value, device="software")
