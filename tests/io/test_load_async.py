"""`metarender.load_async`: results, errors, cancelling, progress, and what is left of other threads meanwhile."""

import gc
import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
from gltf_files import GltfFile, triangle

import metarender as mr
from metarender import io as mrio


def plant(folder, nodes=20_000, meshes=60, rows=60):
    """A .glb of many nodes in groups, with a mesh of rows x rows quads each, of which `meshes` are different."""
    rng = np.random.default_rng(0)
    file = GltfFile()
    corner = np.arange(rows * (rows + 1)).reshape(rows, rows + 1)[:, :-1].reshape(-1, 1)
    quads = (corner + np.array([0, rows + 1, 1, 1, rows + 1, rows + 2])).astype("u4").ravel()
    for _ in range(meshes):
        points = rng.random(((rows + 1) ** 2, 3)).astype("f4")
        file.mesh(points, indices=quads, NORMAL=np.tile(np.array([[0, 1, 0]], "f4"), (len(points), 1)))
    groups = nodes // 100
    file.document["nodes"] = [{"children": list(range(groups + 99 * k, groups + 99 * k + 99)), "name": f"group {k}"} for k in range(groups)]
    file.document["nodes"] += [{"mesh": k % meshes, "translation": [float(k), 0, 0], "name": f"part {k}"} for k in range(99 * groups)]
    file.document["scenes"] = [{"nodes": list(range(groups))}]
    return file.glb(folder)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("large"))


def join_loaders():
    for thread in threading.enumerate():
        if thread.name.startswith("metarender load"):
            thread.join(30)
            assert not thread.is_alive()


def test_the_future_delivers_what_load_returns(large):
    alone, scene = mr.load(large), mr.load_async(large).result(60)
    assert len(scene.nodes) == len(alone.nodes) == 20_000 and scene.store.draw_count == 19_800
    assert scene.names == alone.names
    ids = scene.store.subtree()
    assert np.array_equal(ids, alone.store.subtree())
    assert np.array_equal(scene.store.world_matrices(ids), alone.store.world_matrices(ids))
    assert scene.find("part 7").parent.name == "group 0"
    scene.find("part 7").position = (0, 1, 0)  # it belongs to this thread now
    scene.update()
    assert len([g for g in scene.geometry_list if g is not None]) == 60


def test_what_load_raises_is_delivered(tmp_path):
    with pytest.raises(mr.AssetError, match="does not exist"):
        mr.load_async(tmp_path / "missing.glb").result(10)
    (tmp_path / "bad.glb").write_bytes(b"glTF" + bytes(20))
    with pytest.raises(mr.GltfError) as caught:
        mr.load_async(tmp_path / "bad.glb").result(10)
    assert caught.value.code
    file = triangle()
    file.document |= {"extensionsUsed": ["EXT_unknown"]}
    with pytest.raises(mrio.AssetWarning, match="EXT_unknown"):  # the tests turn warnings into errors
        mr.load_async(file.glb(tmp_path)).result(10)


def test_arguments_of_wrong_types_are_refused_at_once(tmp_path):
    for path, progress, limits, message in ((5, None, None, "needs a path"), (tmp_path, "yes", None, "progress must be callable"),
                                            (tmp_path, None, 3, "limits")):
        with pytest.raises(mr.InvalidInput, match=message):
            mr.load_async(path, progress=progress, limits=limits)


def test_progress_is_called_on_the_loading_thread_and_reaches_the_end(large):
    calls, threads = [], set()

    def progress(done, total):
        calls.append((done, total))
        threads.add(threading.get_ident())

    mr.load_async(large, progress=progress).result(60)
    assert threads.isdisjoint({threading.get_ident()}) and len(threads) == 1
    assert calls[-1] == (20_000, 20_000) and len(calls) > 70
    assert all(0 <= done <= total for done, total in calls)


def test_what_progress_raises_ends_the_load(large):
    def progress(done, total):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        mr.load_async(large, progress=progress).result(60)


@pytest.mark.parametrize("stop_at", [1, 5])
def test_cancel_is_honoured_at_the_next_stage(large, stop_at):
    reached, released, calls = threading.Event(), threading.Event(), []

    def progress(done, total):
        calls.append(done)
        if len(calls) == stop_at:
            reached.set()
            assert released.wait(30)

    loading = mr.load_async(large, progress=progress)
    assert reached.wait(30) and not loading.done()
    assert loading.cancel() and loading.cancelled() and loading.done()
    with pytest.raises(CancelledError):
        loading.result()
    released.set()
    join_loaders()
    assert len(calls) == stop_at, "the load went on after it was cancelled"


def test_a_finished_load_cannot_be_cancelled(tmp_path):
    loading = mr.load_async(triangle().glb(tmp_path))
    assert loading.result(10) is not None
    assert not loading.cancel() and not loading.cancelled() and len(loading.result().nodes) == 1


def test_callbacks_and_several_loads_at_once(large, tmp_path):
    small = triangle().glb(tmp_path)
    finished = []
    loads = [mr.load_async(path) for path in (large, small, small, large)]
    for loading in loads:
        loading.add_done_callback(lambda done: finished.append(len(done.result().nodes)))
    assert [len(loading.result(60).nodes) for loading in loads] == [20_000, 1, 1, 20_000]
    join_loaders()
    assert sorted(finished) == [1, 1, 20_000, 20_000]


def counting(until):
    """How far a loop of plain Python counts in a second, while `until()` is false."""
    count, start = 0, time.perf_counter()
    while not until():
        for _ in range(1000):
            count += 1
    return count / (time.perf_counter() - start)


def test_another_thread_keeps_30_percent_of_its_speed_while_a_big_file_loads(large):
    shares = []
    for _ in range(3):
        end = time.perf_counter() + 0.3
        alone = counting(lambda end=end: time.perf_counter() > end)
        loading = mr.load_async(large)
        meanwhile = counting(loading.done)
        assert len(loading.result().nodes) == 20_000
        shares.append(meanwhile / alone)
    assert max(shares) >= 0.3, shares


def test_a_renderer_draws_another_scene_while_a_file_loads(renderer, large):
    scene = mr.Scene()
    node = scene.add(mr.Mesh(mr.box(1), mr.Unlit(color="red")))
    camera = mr.PerspectiveCamera().look_at((0, 0, 4), (0, 0, 0))
    expected = renderer.render(scene, camera).color
    loading, frames = mr.load_async(large), 0
    while not loading.done():
        node.position = (0.001 * (frames % 2), 0, 0)
        picture = renderer.render(scene, camera).color
        assert frames % 2 or np.array_equal(picture, expected)
        frames += 1
    assert frames >= 5, "the window stood still"
    loaded = loading.result()
    frame = renderer.render(loaded, mr.PerspectiveCamera(far=9).look_at((0.5, 0.5, 4), (0.5, 0.5, 0)))
    assert 2 <= frame.stats.instances <= 20 and np.ptp(frame.color) > 0


def test_equal_accessors_and_views_share_one_geometry(tmp_path):
    """Exporters repeat accessors and views for each mesh: what reads the same bytes the same way is one Geometry."""
    file = triangle()
    document = file.document
    document["bufferViews"][0]["byteStride"] = 12
    document["accessors"].append(dict(document["accessors"][0]))
    document["bufferViews"].append(dict(document["bufferViews"][0]))
    document["accessors"].append(document["accessors"][0] | {"bufferView": 1})
    document["accessors"].append(document["accessors"][0] | {"byteOffset": 12, "count": 2, "min": [0, 0, 0], "max": [1, 1, 0]})
    for accessor in (1, 2, 3):
        document["meshes"].append({"primitives": [{"attributes": {"POSITION": accessor}}], "name": f"mesh {accessor}"})
        file.node(mesh=accessor)
    document["meshes"][3]["primitives"][0]["mode"] = 1
    meshes = [node.mesh for node in mr.load(file.glb(tmp_path)).nodes]
    assert len({id(mesh) for mesh in meshes}) == 4 and [mesh.name for mesh in meshes[1:]] == ["mesh 1", "mesh 2", "mesh 3"]
    assert len({mesh.primitives[0][0] for mesh in meshes}) == 2


@pytest.mark.slow
def test_time_grows_with_the_bytes(tmp_path):
    """Four times the file takes at most six times as long: nothing is quadratic. Python's collector, which looks at everything
    that other tests left behind, is off meanwhile."""
    seconds = []
    for factor in (1, 4):
        folder = tmp_path / str(factor)
        folder.mkdir()
        path = plant(folder, nodes=10_000 * factor, meshes=40 * factor)
        times = []
        gc.disable()
        try:
            for _ in range(4):
                start = time.process_time()
                scene = mr.load(path)
                times.append(time.process_time() - start)
        finally:
            gc.enable()
        assert scene.store.draw_count == 9_900 * factor
        seconds.append(min(times))
    assert seconds[1] <= 6 * seconds[0], seconds
