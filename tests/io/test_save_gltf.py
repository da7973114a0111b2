"""Saving what was loaded: the same picture, the same bytes at the second save, and everything that the scene does not show kept."""

import json
import os
import shutil
import struct
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile

import metarender as mr
from metarender.io import AssetWarning

FOLDERS = ("gltf", "asset-generator", "cad", "tiles3d")
VALIDATE = Path(__file__).parent / "validate_gltf.js"


def load(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)
        return mr.load(path)


def save(scene, path, **options):
    """Save, and return what the warning says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AssetWarning)
        mr.save(scene, path, **options)
    return "; ".join(str(warning.message) for warning in caught)


def document(path):
    """JSON of a .gltf or .glb."""
    data = path.read_bytes()
    return json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]] if data[:4] == b"glTF" else data)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def models(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in (".gltf", ".glb"))


def loadable(folders):
    """Path and scene of every file that loads."""
    for folder in folders:
        for path in models(folder):
            try:
                yield path, load(path)
            except mr.AssetError:
                continue


def check_twice(scene, folder, suffix):
    """A scene saves, loads again with the same nodes and draws, and is then saved to the same bytes."""
    first, second = folder / "a" / f"model{suffix}", folder / "b" / f"model{suffix}"
    said = save(scene, first)
    again = load(first)
    assert save(again, second) in ("", said)  # what is not there to be read again is missed again
    assert files(first.parent) == files(second.parent)
    assert (again.store.node_count, again.store.draw_count) == (scene.store.node_count, scene.store.draw_count), said
    return again


def pictures(renderer, scene):
    """A picture from outside, one through the first camera of the file, and both again at two times of its first clip."""
    bounds = scene.bounds
    cameras = [] if bounds is None else [mr.PerspectiveCamera().orbit(0.6, 1.2, 1.0).frame(bounds)]
    cameras += scene.cameras[:1]
    taken = [renderer.render(scene, camera).color.tobytes() for camera in cameras]
    for clip in scene.clips[:1]:
        scene.play(clip)
        for seconds in (0.3, 0.9):
            scene.at(seconds)
            taken += [renderer.render(scene, camera).color.tobytes() for camera in cameras]
    return taken


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_the_small_set_comes_back(tmp_path, local_assets, renderer, suffix):
    count = 0
    for count, (_, scene) in enumerate(loadable([local_assets]), 1):
        again = check_twice(scene, tmp_path / str(count), suffix)
        assert pictures(renderer, again) == pictures(renderer, scene)
    assert count >= 18


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_every_asset_comes_back(tmp_path, assets, renderer, suffix):
    renderer.size = (64, 64)
    count = 0
    for path, scene in loadable([assets / name for name in FOLDERS]):
        again = check_twice(scene, tmp_path, suffix)
        if suffix == ".glb":
            assert pictures(renderer, again) == pictures(renderer, scene), path
        for folder in tmp_path.iterdir():
            shutil.rmtree(folder)
        count += 1
    assert count > 190


# ---- the Khronos validator ----


def errors_of(paths):
    """Errors that the Khronos validator finds in files, by path."""
    package = os.environ.get("METARENDER_GLTF_VALIDATOR")
    if not package or shutil.which("node") is None:
        pytest.skip("METARENDER_GLTF_VALIDATOR does not name the npm package gltf-validator")
    names = "\n".join(map(str, paths))
    done = subprocess.run(["node", str(VALIDATE), package], input=names, capture_output=True, text=True, check=True, timeout=240)
    return {path: json.loads(line) for path, line in zip(paths, done.stdout.splitlines(), strict=True)}


def check_valid(pairs):
    """Saved files have no errors where those that they were loaded from have none."""
    found = errors_of([path for pair in pairs for path in pair])
    for before, after in pairs:
        assert not found[after] or found[before], (before, found[after][:3])


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_the_validator_finds_no_errors_in_the_small_set(tmp_path, local_assets, suffix):
    pairs = []
    for number, (path, scene) in enumerate(loadable([local_assets])):
        pairs.append((path, tmp_path / str(number) / f"model{suffix}"))
        save(scene, pairs[-1][1])
    check_valid(pairs)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_the_validator_finds_no_errors_in_any_asset(tmp_path, assets, suffix):
    pairs = []
    for number, (path, scene) in enumerate(loadable([assets / name for name in FOLDERS])):
        pairs.append((path, tmp_path / str(number) / f"model{suffix}"))
        save(scene, pairs[-1][1])
    check_valid(pairs)


# ---- what the scene does not show ----

METADATA = {
    "schema": {"id": "parts", "classes": {"part": {"properties": {
        name: {"type": "SCALAR", "componentType": "FLOAT32"} for name in ("mass", "price")}}}},
}


def rich_file():
    """Everything that is kept, in places that move: unused objects in front of each collection."""
    file = GltfFile(asset={"version": "2.0", "copyright": "2026 Somebody", "generator": "hand", "extras": {"a": 1}},
                    extras=[1, {"x": None}])
    unused = file.accessor(TRIANGLE)
    values = [file.view(np.arange(3 * k, 3 * k + 3, dtype="f4").tobytes()) for k in range(2)]
    extra = file.accessor(np.array([[0.0], [0.0], [1.0]], "f4"))
    high = file.accessor(np.array([[0, 0], [1, 0], [0, 1]], "f4"))
    mesh = file.mesh(_FEATURE_ID_0=extra, TEXCOORD_0=high, TEXCOORD_1=high, TEXCOORD_2=high, COLOR_0=file.accessor(np.ones((3, 4), "f4")))
    primitive = file.document["meshes"][mesh]["primitives"][0]
    primitive["extras"] = {"deep": [1, 2, {"three": 3}]}
    primitive["material"] = 1
    primitive["extensions"] = {
        "EXT_mesh_features": {"featureIds": [{"featureCount": 2, "attribute": 0, "propertyTable": 0}]},
        "KHR_materials_variants": {"mappings": [{"variants": [0], "material": 2}]},
        "VENDOR_plain": {"label": "kept", "share": 0.5},
    }
    file.document["meshes"][mesh] |= {"name": "part", "extras": "not an object"}
    file.document["materials"] = [
        {"name": "unused"},
        {"name": "coat", "extensions": {"KHR_materials_clearcoat": {"clearcoatFactor": 1.0}}, "extras": {"id": 7}},
        {"name": "other", "extensions": {"VENDOR_numbers": {"node": 3}}},
    ]
    file.document["extensions"] = {
        "EXT_structural_metadata": {
            **METADATA,
            "propertyTables": [
                {"class": "part", "count": 3, "properties": {"mass": {"values": values[0]}, "price": {"values": values[1]}}},
            ],
        },
        "KHR_materials_variants": {"variants": [{"name": "night"}]},
        "VENDOR_root": {"words": ["a", "b"]},
    }
    file.document["nodes"] = [
        {"name": "not in the scene", "mesh": mesh},
        {"name": "far", "mesh": mesh},
        {"name": "near", "mesh": mesh, "translation": [0.1, 1e-300, 12345678.123456789], "rotation": [0.6, 0, 0, 0.8], "scale": [1, 2, 3],
         "extensions": {"MSFT_lod": {"ids": [1]}, "VENDOR_node": {"index": 0}}, "extras": {"MSFT_screencoverage": [0.5, 0.2]}},
    ]
    file.document["scenes"] = [{"nodes": [0]}, {"nodes": [2], "name": "hall", "extras": {"floor": 2}}]
    file.document["scene"] = 1
    file.document["animations"] = [
        {"name": "turn", "extras": {"fps": 30},
         "samplers": [{"input": file.accessor(np.array([[0.0], [1.0]], "f4"), bounds=True),
                       "output": file.accessor(np.array([[0, 0, 0], [1, 1, 1]], "f4"))}],
         "channels": [{"sampler": 0, "target": {"node": node, "path": path}} for node, path in ((2, "translation"), (0, "scale"))]},
    ]
    file.document["extensionsUsed"] = [
        "EXT_mesh_features", "EXT_structural_metadata", "KHR_materials_clearcoat", "KHR_materials_variants", "MSFT_lod", "VENDOR_plain",
        "VENDOR_root", "VENDOR_node", "VENDOR_numbers", "VENDOR_absent",
    ]
    assert unused == 0
    return file


def test_everything_that_is_not_shown_is_kept(tmp_path):
    path = rich_file().glb(tmp_path)
    before, said = document(path), save(load(path), tmp_path / "a" / "saved.glb")
    after = document(tmp_path / "a" / "saved.glb")
    assert "VENDOR_node" in said and "VENDOR_numbers" in said and "may refer to numbers that have changed" in said
    assert after["asset"] == {**before["asset"], "generator": f"hand, metarender {mr.__version__}"}
    assert after["extras"] == before["extras"] and after["extensions"]["VENDOR_root"] == {"words": ["a", "b"]}
    assert after["scenes"] == [{"nodes": [0], "name": "hall", "extras": {"floor": 2}}]
    near, far = after["nodes"]
    assert near == {**before["nodes"][2], "mesh": 0, "extensions": {"MSFT_lod": {"ids": [1]}}}
    assert far == {"name": "far", "mesh": 0}
    (mesh,) = after["meshes"]
    assert (mesh["name"], mesh["extras"]) == ("part", "not an object")
    primitive = mesh["primitives"][0]
    assert list(primitive["attributes"]) == ["POSITION", "_FEATURE_ID_0", "TEXCOORD_0", "TEXCOORD_1", "TEXCOORD_2", "COLOR_0"]
    assert primitive["extras"] == {"deep": [1, 2, {"three": 3}]}
    assert primitive["extensions"]["VENDOR_plain"] == {"label": "kept", "share": 0.5}
    names = [material["name"] for material in after["materials"]]
    assert sorted(names) == ["coat", "other"] and names[primitive["material"]] == "coat"
    assert primitive["extensions"]["KHR_materials_variants"]["mappings"] == [{"variants": [0], "material": names.index("other")}]
    assert after["materials"][names.index("coat")] == before["materials"][1]
    gone = {"VENDOR_node", "VENDOR_numbers", "VENDOR_absent"}
    assert after["extensionsUsed"] == [name for name in before["extensionsUsed"] if name not in gone]
    (animation,) = after["animations"]
    assert (animation["name"], animation["extras"]) == ("turn", {"fps": 30})
    assert [channel["target"] for channel in animation["channels"]] == [{"node": 0, "path": "translation"}]
    metadata = after["extensions"]["EXT_structural_metadata"]
    assert metadata["schema"] == METADATA["schema"]
    blob = (tmp_path / "a" / "saved.glb").read_bytes()
    blob = blob[20 + struct.unpack_from("<I", blob, 12)[0] + 8 :]
    for k, name in enumerate(("mass", "price")):
        view = after["bufferViews"][metadata["propertyTables"][0]["properties"][name]["values"]]
        assert blob[view["byteOffset"] :][: view["byteLength"]] == np.arange(3 * k, 3 * k + 3, dtype="f4").tobytes()
        assert view["byteOffset"] % 8 == 0
    check_twice(load(tmp_path / "a" / "saved.glb"), tmp_path / "twice", ".gltf")


def test_the_validator_finds_no_errors_where_everything_is_kept(tmp_path):
    path = rich_file().glb(tmp_path)
    save(load(path), tmp_path / "a" / "saved.gltf")
    check_valid([(path, tmp_path / "a" / "saved.gltf")])


def test_a_schema_in_another_file_comes_in(tmp_path):
    file = rich_file()
    metadata = file.document["extensions"]["EXT_structural_metadata"]
    (tmp_path / "schema.json").write_text(json.dumps(metadata.pop("schema")))
    metadata["schemaUri"] = "schema.json"
    scene = load(file.glb(tmp_path))
    save(scene, tmp_path / "a" / "saved.glb")
    after = document(tmp_path / "a" / "saved.glb")["extensions"]["EXT_structural_metadata"]
    assert after["schema"] == METADATA["schema"] and "schemaUri" not in after
    (tmp_path / "schema.json").unlink()
    assert "the schema of its metadata" in save(scene, tmp_path / "b" / "saved.glb")
    assert document(tmp_path / "b" / "saved.glb")["extensions"]["EXT_structural_metadata"]["schemaUri"] == "schema.json"


def test_an_unknown_extension_stays_where_no_number_has_changed(tmp_path):
    file = GltfFile(nodes=[{"mesh": 0, "extensions": {"VENDOR_node": {"other": 1}}}, {"mesh": 0}], scenes=[{"nodes": [0, 1]}],
                    extensionsUsed=["VENDOR_node"])
    file.mesh()
    scene = load(file.glb(tmp_path))
    assert save(scene, tmp_path / "kept.glb") == ""
    assert document(tmp_path / "kept.glb")["nodes"][0]["extensions"] == {"VENDOR_node": {"other": 1}}
    next(iter(scene.nodes)).remove()
    scene.add(mr.Mesh(mr.box(1), mr.Standard()))
    check_twice(scene, tmp_path / "edited", ".glb")


def test_attributes_come_back_to_the_bit(tmp_path, local_assets):
    for name in ("SimpleSparseAccessor/SimpleSparseAccessor.gltf", "AnimatedMorphCubeQuantized/AnimatedMorphCube.gltf"):
        scene = load(local_assets / name)
        again = check_twice(scene, tmp_path / name[:12], ".glb")
        for old, new in zip(scene.geometry_list, again.geometry_list, strict=True):
            for field in ("positions", "normals", "tangents", "uv0", "colors", "indices"):
                a, b = getattr(old, field), getattr(new, field)
                assert (a is None) == (b is None) and (a is None or a.tobytes() == b.tobytes())
    saved = document(tmp_path / "SimpleSparse" / "a" / "model.glb")
    assert [accessor["sparse"]["count"] for accessor in saved["accessors"] if "sparse" in accessor] == [3]


def test_pictures_keep_their_bytes(tmp_path, local_assets):
    path = local_assets / "TextureTransformTest" / "TextureTransformTest.gltf"
    originals = {(path.parent / image["uri"]).read_bytes() for image in document(path)["images"]}
    save(load(path), tmp_path / "a" / "x.gltf")
    assert {data for name, data in files(tmp_path / "a").items() if name.startswith("x_image")} == originals
    save(load(path), tmp_path / "b" / "x.gltf", embed=True)
    assert set(files(tmp_path / "b")) == {"x.gltf"}
    assert load(tmp_path / "b" / "x.gltf").store.draw_count == load(path).store.draw_count


@pytest.mark.parametrize("junk", [5, "x", [], [[1]], {"a": 1}, None, True])
@pytest.mark.parametrize(("name", "body"), [
    ("CESIUM_primitive_outline", lambda junk: {"indices": junk}), ("EXT_structural_metadata", lambda junk: {"propertyTables": [junk]}),
    ("EXT_structural_metadata", lambda junk: {"propertyTables": [{"extensions": junk, "properties": junk}], "schema": junk}),
    ("KHR_xmp_json_ld", lambda junk: {"packets": [{"extensions": junk}], "packet": junk}), ("MSFT_lod", lambda junk: {"ids": [junk]})])
def test_extensions_that_nothing_draws_may_hold_anything(tmp_path, name, body, junk):
    file = GltfFile(extensionsUsed=[name], extensions={name: body(junk)})
    file.node(extensions={name: body(junk)})
    (tmp_path / "odd.gltf").write_text(json.dumps(file.document))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)  # they are not drawn, and some are left out
        try:
            scene = mr.load(tmp_path / "odd.gltf")
        except mr.GltfError:  # refused at once, where the specification is checked
            return
        mr.save(scene, tmp_path / "again.glb")
        assert len(mr.load(tmp_path / "again.glb").nodes) == 1


@pytest.mark.parametrize("nested", ["lods", "children", "extras"])
def test_what_is_nested_too_deeply_is_refused_at_the_save(tmp_path, nested):
    file = GltfFile(extensionsUsed=["MSFT_lod"])
    file.document["nodes"] = [{"extensions": {"MSFT_lod": {"ids": [1]}}}] if nested != "extras" else [{}]
    file.document["scenes"] = [{"nodes": [0]}]
    deep = 1
    for number in range(2, 900 if nested == "extras" else 3000):
        deep = {"a": deep}
        if nested != "extras":
            file.document["nodes"].append({"extensions": {"MSFT_lod": {"ids": [number]}}} if nested == "lods" else {"children": [number]})
    file.document["nodes"].append({})
    if nested == "extras":
        file.document["nodes"] = [{}]
        del file.document["extensionsUsed"]
        file.document["extras"] = deep
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)
        (tmp_path / "deep.gltf").write_text(json.dumps(file.document))
        scene = mr.load(tmp_path / "deep.gltf")
        with pytest.raises(mr.AssetError, match="nested too deeply"):
            mr.save(scene, tmp_path / "again.glb")
