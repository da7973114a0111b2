"""`metarender.save`: the registry of savers, and that a file is written whole or not at all."""

import os

import numpy as np
import pytest

import metarender as mr
from metarender import io as mrio


@pytest.fixture
def registry(monkeypatch):
    """The savers of a test are forgotten after it."""
    monkeypatch.setattr(mrio, "_SAVERS", dict(mrio._SAVERS))


def test_a_saver_writes_and_gets_its_options(tmp_path, registry):
    @mrio.saver(".count", options=("unit",))
    def save_count(scene, output, unit=""):
        assert output.path == tmp_path / "a.COUNT"
        output.open("beside.bin").write(b"more")
        output.open().write(f"{len(scene.nodes)}{unit}".encode())

    scene = mr.Scene()
    scene.add(None)
    mr.save(scene, tmp_path / "a.COUNT", unit=" nodes")
    assert (tmp_path / "a.COUNT").read_bytes() == b"1 nodes"
    assert sorted(os.listdir(tmp_path)) == ["a.COUNT", "beside.bin"]
    assert mrio.savers()[".count"] is save_count
    with pytest.raises(mr.InvalidInput, match=r"Saving \.count knows no option 'units'; it takes unit\."):
        mr.save(scene, tmp_path / "a.count", units=3)


@pytest.mark.parametrize("error", [ValueError("odd"), OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_promise_6_an_error_leaves_the_old_files(tmp_path, registry, error):
    @mrio.saver(".broken")
    def save_broken(scene, output):
        output.open("beside.bin").write(b"new")
        output.open().write(b"half")
        raise error

    (tmp_path / "a.broken").write_bytes(b"old")
    (tmp_path / "beside.bin").write_bytes(b"older")
    kind, message = (mr.AssetError, "No space left") if isinstance(error, OSError) else (type(error), "^")
    with pytest.raises(kind, match=message):
        mr.save(mr.Scene(), tmp_path / "a.broken")
    assert (tmp_path / "a.broken").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.broken", "beside.bin"] and (tmp_path / "beside.bin").read_bytes() == b"older"


@pytest.mark.parametrize("name", ["../a.bin", "", "..", "sub/a.bin", "a\0b"])
def test_promise_6_a_saver_stays_in_its_folder(tmp_path, name):
    with pytest.raises(mr.AssetError, match="choose one without a folder"), mrio.Output(tmp_path / "a.x") as output:
        output.open(name)
    assert os.listdir(tmp_path) == []


def test_promise_6_two_files_of_one_name_are_refused(tmp_path):
    with pytest.raises(mr.AssetError, match=r"two files named 'a\.x'"), mrio.Output(tmp_path / "a.x") as output:
        output.open()
        output.open("a.x")
    assert os.listdir(tmp_path) == []


def test_promise_6_a_missing_folder_is_named(tmp_path, registry):
    mrio.saver(".count")(lambda scene, output: None)
    with pytest.raises(mr.AssetError, match="nowhere' is not a folder; make it first"):
        mr.save(mr.Scene(), tmp_path / "nowhere" / "a.count")


def test_promise_6_a_folder_in_the_place_of_the_file_is_told(tmp_path, registry):
    mrio.saver(".count")(lambda scene, output: output.open().write(b"1") and None)
    (tmp_path / "a.count").mkdir()
    with pytest.raises(mr.AssetError, match="cannot be written"):
        mr.save(mr.Scene(), tmp_path / "a.count")
    assert os.listdir(tmp_path) == ["a.count"]


@pytest.mark.parametrize("suffix", [".gltf", ".obj"])
def test_a_folder_in_the_way_leaves_what_would_stand_beside_it(tmp_path, suffix):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    (tmp_path / f"a{suffix}").mkdir()
    for beside in ("a.bin", "a.mtl"):
        (tmp_path / beside).write_bytes(b"old")
    with pytest.raises(mr.AssetError, match="cannot be written: Is a directory"):
        mr.save(scene, tmp_path / f"a{suffix}")
    assert sorted(os.listdir(tmp_path)) == sorted(["a.bin", "a.mtl", f"a{suffix}"])
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "a.mtl").read_bytes() == b"old"


def test_a_name_may_be_as_long_as_names_can_be(tmp_path):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    path = tmp_path / ("\u6b6f" * 83 + ".glb")  # 253 bytes of 255
    mr.save(scene, path)
    assert len(mr.load(path).nodes) == 1


@pytest.mark.parametrize("suffix", [".gltf", ".obj"])
def test_a_name_that_is_no_text_is_refused_where_it_would_have_to_be_written(tmp_path, suffix):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    with pytest.raises(mr.AssetError, match="whose name is no text"):
        mr.save(scene, tmp_path / f"a\udcff{suffix}")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("suffix", "option"), [
    ("stl", {"ascii": "no"}), ("ply", {"ascii": 2}), ("stl", {"strict": "x"}), ("3mf", {"strict": 1}), ("glb", {"embed": 1}),
    ("glb", {"progress": 5}), ("stl", {"up": []}), ("obj", {"up": None}), ("obj", {"unit": []})])
def test_options_of_the_wrong_type_are_refused(tmp_path, suffix, option):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    (name,) = option
    with pytest.raises(mr.InvalidInput, match=f"{name}( must be|=)"):
        mr.save(scene, tmp_path / f"a.{suffix}", **option)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("option", [{"progress": 5}, {"unit": []}, {"unit": float("nan")}, {"up": []}])
def test_options_of_a_load_are_checked_too(tmp_path, option):
    (tmp_path / "a.xyz").write_text("1 2 3\n")
    (name,) = option
    with pytest.raises(mr.InvalidInput, match=f"{name}( must be|=)"):
        mr.load(tmp_path / "a.xyz", **option)


def posed_scene(normals):
    """A skinned box with a morph far from home, a ball that swells, and two parts that show its weights; and where their vertices are."""
    scene, box, ball = mr.Scene(), mr.box(1), mr.sphere(0.5, 12, 8)
    joints = np.where(box.positions[:, 1:2] > 0, 1, 0) * np.array([[1, 0, 0, 0]])
    flesh = mr.Geometry(positions=box.positions, normals=box.normals if normals else None, indices=box.indices, joints=joints,
                        weights=np.tile((1.0, 0, 0, 0), (box.vertex_count, 1)), morphs=[mr.Morph(box.positions * (1, 0, 0))])
    bones = [scene.add(None, position=(700, 0, 0), rotation=(0, 0, 0.6, 0.8)), scene.add(None, position=(700, 3, 0))]
    node = scene.add(mr.Mesh(flesh, mr.Standard()), position=(9, 9, 9))
    scene.bind(node, mr.Skin(np.tile(np.eye(4), (2, 1, 1))), bones)
    node.weights = [0.5]
    swollen = mr.Geometry(positions=ball.positions, normals=ball.normals if normals else None, indices=ball.indices,
                          morphs=[mr.Morph(ball.positions)])
    owner = scene.add(mr.Mesh(swollen, mr.Standard()), position=(0, -3, 0), scale=(-1, 1, 1))
    places = np.tile(np.eye(4), (2, 1, 1))
    places[:, 0, 3] = 5, 9
    scene.add_instances(swollen, mr.Standard(), matrices=places, parent=owner)
    owner.weights = [1.0]
    moved = flesh.positions * (1.5, 1, 1)
    world = np.stack([bone.world_matrix for bone in bones])[flesh.joints[:, 0]]
    found = [np.einsum("vij,vj->vi", world[:, :3, :3], moved) + world[:, :3, 3]]
    found += [ball.positions * (-2, 2, 2) + (-shift, -3, 0) for shift in (0, 5, 9)]
    return scene, found


@pytest.mark.parametrize("normals", [True, False])
@pytest.mark.parametrize("suffix", [".stl", ".obj", ".ply", ".3mf"])
def test_plain_formats_hold_what_is_posed_as_it_stands(tmp_path, suffix, normals):
    scene, found = posed_scene(normals)
    with pytest.warns(mrio.AssetWarning, match="figures stand as they are posed now"):
        mr.save(scene, tmp_path / f"posed{suffix}")
    again = mr.load(tmp_path / f"posed{suffix}")
    points = np.concatenate(found)
    np.testing.assert_allclose(again.bounds, [points.min(axis=0), points.max(axis=0)], atol=2e-4)
    for above in ((0.1, 40, 0.1), (-5.1, 40, 0.1), (-9.1, 40, 0.1), (700.1, 40, 0.1)):
        hit, wanted = again.raycast(above, (0, -1, 0)), scene.raycast(above, (0, -1, 0))
        assert hit is not None and wanted is not None and abs(hit.distance - wanted.distance) < 1e-3
        assert hit.normal[1] > 0 and hit.front == wanted.front
