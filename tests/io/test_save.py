"""`metarender.save`: the registry of savers, and that a file is written whole or not at all."""

import os

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
