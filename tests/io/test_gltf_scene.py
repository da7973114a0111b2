"""Nodes, scenes, cameras, lights, instances, materials and textures of glTF files, as they are described."""

import io
import math

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile, triangle
from PIL import Image

from metarender.camera import OrthographicCamera, PerspectiveCamera
from metarender.errors import AssetError, GltfError
from metarender.lights import DirectionalLight, PointLight, SpotLight
from metarender.materials import Standard, Unlit

UV = np.array([[0, 0], [1, 0], [0, 1]], "f4")
RED = np.array([[[255, 0, 0, 255], [0, 0, 255, 128]]], np.uint8)


def png(pixels=RED):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def textured(material, *, textures=1, samplers=None, image=None, sets=1, **document):
    """A triangle with a material; every texture shows one red and one blue pixel."""
    file = GltfFile(**document)
    view = file.view(png() if image is None else image)
    file.document["images"] = [{"bufferView": view, "mimeType": "image/png", "name": "picture"}]
    file.document["textures"] = [{"source": 0, **({"sampler": i} if samplers else {})} for i in range(textures)]
    if samplers:
        file.document["samplers"] = samplers
    file.document["materials"] = [material]
    file.node(mesh=file.mesh(material=0, **{f"TEXCOORD_{i}": UV + i for i in range(sets)}))
    return file


def test_transforms_names_and_extras_of_nodes(tmp_path, describe):
    file = GltfFile(
        nodes=[
            {
                "name": "Räder",
                "translation": [1, 2, 3],
                "rotation": [0, 0.6, 0, 0.8],
                "scale": [1, -2, 3],
                "children": [2],
                "extras": {"a": [1]},
            },
            {"matrix": [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 5, 6, 7, 1]},
            {"extras": "not an object"},
        ],
        scenes=[{"nodes": [0, 1]}],
    )
    first, child, second = describe(file.embedded(tmp_path)).nodes
    assert (first.name, first.parent, child.parent, second.parent) == ("Räder", -1, 0, -1)
    assert first.position == (1.0, 2.0, 3.0)
    assert first.rotation == (0.0, 0.6, 0.0, 0.8)
    assert first.scale == (1.0, -2.0, 3.0)
    assert first.extras == {"a": [1]}
    assert child.extras is None
    np.testing.assert_array_equal(second.matrix, [[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]])
    assert second.position is None


def three_scenes(**document):
    return GltfFile(
        nodes=[{"name": "a"}, {"name": "b", "children": [3]}, {"name": "c"}, {"name": "d"}],
        scenes=[{"nodes": [0]}, {"nodes": [1, 2], "name": "second"}, {}],
        **document,
    )


@pytest.mark.parametrize(
    ("default", "wanted", "names"),
    [(None, None, "a"), (1, None, "bdc"), (1, 0, "a"), (None, "second", "bdc"), (None, 2, "")],
)
def test_the_default_scene_or_the_one_asked_for(tmp_path, describe, default, wanted, names):
    path = three_scenes(**({} if default is None else {"scene": default})).embedded(tmp_path)
    assert "".join(node.name for node in describe(path, scene=wanted).nodes) == names


def test_without_scenes_all_roots_are_drawn(tmp_path, describe):
    file = three_scenes()
    del file.document["scenes"]
    assert "".join(node.name for node in describe(file.embedded(tmp_path)).nodes) == "abdc"


@pytest.mark.parametrize(
    ("wanted", "message"), [(3, "no scene 3; it has 3"), (-1, "no scene -1"), (True, "no scene True"), ("x", "named 'x'.*'second'")]
)
def test_an_unknown_scene_is_refused(tmp_path, describe, wanted, message):
    with pytest.raises(AssetError, match=message):
        describe(three_scenes().embedded(tmp_path), scene=wanted)


def test_cameras(tmp_path, describe):
    cameras = [
        {"type": "perspective", "perspective": {"yfov": math.pi / 3, "znear": 0.1, "zfar": 50, "aspectRatio": 2}, "name": "eye"},
        {"type": "perspective", "perspective": {"yfov": 0.5, "znear": 0.1}, "extras": {"x": 1}},
        {"type": "orthographic", "orthographic": {"xmag": 3, "ymag": 2, "znear": 0, "zfar": 9}},
    ]
    file = GltfFile(cameras=cameras)
    for number in range(3):
        file.node(camera=number)
    finite, infinite, parallel = (node.camera for node in describe(file.embedded(tmp_path)).nodes)
    assert isinstance(finite, PerspectiveCamera)
    assert finite.fov == pytest.approx(60)
    assert (finite.near, finite.far, finite.name) == (0.1, 50, "eye")
    assert infinite.far == math.inf
    assert infinite.extras == {"x": 1}
    assert isinstance(parallel, OrthographicCamera)
    assert (parallel.height, parallel.near, parallel.far) == (4, 0, 9)


def test_punctual_lights(tmp_path, describe):
    lights = [
        {"type": "directional", "color": [1, 0.5, 0], "intensity": 3, "name": "sun", "extras": {"x": 1}},
        {"type": "point", "range": 4},
        {"type": "spot", "spot": {"innerConeAngle": 0.1, "outerConeAngle": 0.3}},
        {"type": "spot", "spot": {}},
    ]
    file = GltfFile(extensionsUsed=["KHR_lights_punctual"], extensions={"KHR_lights_punctual": {"lights": lights}})
    for number in range(4):
        file.node(extensions={"KHR_lights_punctual": {"light": number}})
    sun, point, spot, wide = (node.light for node in describe(file.embedded(tmp_path)).nodes)
    assert isinstance(sun, DirectionalLight)
    assert (sun.color, sun.intensity, sun.name, sun.extras) == ((1, 0.5, 0), 3, "sun", {"x": 1})
    np.testing.assert_array_equal(sun.direction, [0, 0, -1])
    assert type(point) is PointLight
    assert (point.range, point.intensity) == (4, 1)
    assert isinstance(spot, SpotLight)
    assert (spot.inner_angle, spot.outer_angle, spot.range) == (0.1, 0.3, math.inf)
    assert (wide.inner_angle, wide.outer_angle) == (0, math.pi / 4)


def test_instances(tmp_path, describe):
    file = GltfFile(extensionsUsed=["EXT_mesh_gpu_instancing"], extensionsRequired=["EXT_mesh_gpu_instancing"])
    attributes = {
        "TRANSLATION": file.accessor(np.array([[1, 0, 0], [0, 2, 0]], "f4")),
        "ROTATION": file.accessor(np.array([[0, 0, 0, 127], [0, 0, 127, 0]], "i1"), normalized=True),
    }
    file.node(mesh=file.mesh(), extensions={"EXT_mesh_gpu_instancing": {"attributes": attributes}})
    node = describe(file.glb(tmp_path)).nodes[0]
    assert node.mesh is None
    np.testing.assert_allclose(node.instances.matrices[0], [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], atol=1e-7)
    np.testing.assert_allclose(node.instances.matrices[1], [[-1, 0, 0, 0], [0, -1, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1]], atol=1e-7)
    assert len(node.instances.primitives) == 1


def test_the_default_material(tmp_path, primitive):
    _, material = primitive(triangle().glb(tmp_path))
    assert isinstance(material, Standard)
    assert (material.color, material.metallic, material.roughness, material.alpha_mode) == ((1, 1, 1, 1), 1, 1, "opaque")


def test_all_five_texture_slots(tmp_path, primitive):
    material = {
        "name": "paint",
        "pbrMetallicRoughness": {
            "baseColorFactor": [1, 0, 1, 0.5], "metallicFactor": 0, "roughnessFactor": 0.25,
            "baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1},
        },
        "normalTexture": {"index": 2, "scale": 2}, "occlusionTexture": {"index": 3, "strength": 0.5, "texCoord": 1},
        "emissiveTexture": {"index": 0}, "emissiveFactor": [0, 1, 0], "alphaMode": "MASK", "alphaCutoff": 0.75, "doubleSided": True,
        "extras": {"id": 7}, "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": 6}},
    }  # fmt: skip
    file = textured(material, textures=4, sets=2, extensionsUsed=["KHR_materials_emissive_strength"])
    geometry, made = primitive(file.glb(tmp_path))
    assert (made.color, made.metallic, made.roughness) == ((1, 0, 1, 0.5), 0, 0.25)
    assert (made.emissive, made.emissive_strength) == ((0, 1, 0), 6)
    assert (made.normal_scale, made.occlusion_strength) == (2, 0.5)
    assert (made.alpha_mode, made.alpha_cutoff, made.double_sided) == ("mask", 0.75, True)
    assert (made.name, made.extras) == ("paint", {"id": 7})
    assert made.color_texture.texture is made.emissive_texture.texture
    assert [info.texture.page.srgb for info in made.texture_infos] == [True, False, False, False, True]
    assert made.occlusion_texture.tex_coord == 1
    np.testing.assert_array_equal(geometry.uv1, UV + 1)
    for info in made.texture_infos:
        np.testing.assert_array_equal(info.texture.pixels, RED)


def test_one_image_is_decoded_once_for_colours_and_numbers(tmp_path, primitive):
    _, made = primitive(textured({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, "normalTexture": {"index": 0}}).glb(tmp_path))
    assert made.color_texture.texture.page.srgb
    assert not made.normal_texture.texture.page.srgb
    assert made.color_texture.texture.pixels is made.normal_texture.texture.pixels


def test_higher_sets_of_texture_coordinates_move_down(tmp_path, primitive):
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 3}}, "emissiveTexture": {"index": 0, "texCoord": 1}}
    geometry, made = primitive(textured(material, sets=4).glb(tmp_path))
    for info, texture_set in ((made.color_texture, 3), (made.emissive_texture, 1)):
        np.testing.assert_array_equal((geometry.uv0, geometry.uv1)[info.tex_coord], UV + texture_set)


def test_samplers(tmp_path, primitive):
    samplers = [{"magFilter": 9728, "minFilter": 9985, "wrapS": 33071, "wrapT": 33648}, {}]
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, "emissiveTexture": {"index": 1}}
    _, made = primitive(textured(material, textures=2, samplers=samplers).glb(tmp_path))
    sampler = made.color_texture.texture.sampler
    assert (sampler.mag, sampler.min, sampler.wrap_s, sampler.wrap_t) == (
        "nearest",
        "linear_mipmap_nearest",
        "clamp_to_edge",
        "mirrored_repeat",
    )
    default = made.emissive_texture.texture.sampler
    assert (default.mag, default.min, default.wrap_s, default.wrap_t) == ("linear", "linear_mipmap_linear", "repeat", "repeat")


def test_texture_transforms(tmp_path, primitive):
    transform = {"offset": [0.5, 0.25], "rotation": 1, "scale": [2, 3], "texCoord": 1}
    info = {"index": 0, "extensions": {"KHR_texture_transform": transform}}
    file = textured({"pbrMetallicRoughness": {"baseColorTexture": info}}, sets=2, extensionsUsed=["KHR_texture_transform"])
    made = primitive(file.glb(tmp_path))[1].color_texture
    assert (made.offset, made.rotation, made.scale, made.tex_coord) == ((0.5, 0.25), 1, (2, 3), 1)


def test_unlit_materials(tmp_path, primitive):
    material = {
        "pbrMetallicRoughness": {"baseColorFactor": [0.5, 0.25, 0, 1], "baseColorTexture": {"index": 0}},
        "normalTexture": {"index": 0}, "alphaMode": "BLEND", "extensions": {"KHR_materials_unlit": {}},
    }  # fmt: skip
    _, made = primitive(textured(material, extensionsUsed=["KHR_materials_unlit"]).glb(tmp_path))
    assert isinstance(made, Unlit)
    assert made.color == (0.5, 0.25, 0, 1)
    assert made.alpha_mode == "blend"
    assert made.color_texture.texture.page.srgb


def test_pictures_from_files_with_odd_names(tmp_path, primitive):
    (tmp_path / "deep folder").mkdir()
    (tmp_path / "deep folder" / "Bild ä..b.png").write_bytes(png())
    for uri in ("deep%20folder/Bild%20%C3%A4..b.png", "deep folder/Bild ä..b.png", "./deep folder/../deep folder/Bild ä..b.png"):
        file = textured({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
        file.document["images"] = [{"uri": uri}]
        _, made = primitive(file.external(tmp_path))
        np.testing.assert_array_equal(made.color_texture.texture.pixels, RED)


def test_percent_is_decoded_once(tmp_path, primitive):
    (tmp_path / "a%20b.png").write_bytes(png())
    file = textured({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    file.document["images"] = [{"uri": "a%2520b.png"}]
    assert primitive(file.external(tmp_path))[1].color_texture is not None


def test_a_picture_in_a_later_format_is_left_out_and_said(tmp_path, describe):
    (tmp_path / "later.ktx2").write_bytes(b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(90))
    file = textured({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    file.document["images"] = [{"uri": "later.ktx2"}]
    asset = describe(file.glb(tmp_path))
    assert asset.nodes[0].mesh.primitives[0][1].color_texture is None
    assert asset.notes == ["/images/0, which is KTX2"]


def test_a_damaged_picture_is_refused(tmp_path, describe):
    file = textured({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}, image=png()[:50])
    with pytest.raises(GltfError) as caught:
        describe(file.glb(tmp_path))
    assert caught.value.pointer == "/images/0"
    assert caught.value.code in ("IMAGE_DATA_INVALID", "IMAGE_UNEXPECTED_EOS")


def test_a_picture_of_another_type_than_declared_is_refused(tmp_path, describe):
    file = textured({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    file.document["images"][0]["mimeType"] = "image/jpeg"
    with pytest.raises(GltfError, match="IMAGE_MIME_TYPE_INVALID"):
        describe(file.glb(tmp_path))


def test_what_nothing_draws_is_neither_fetched_nor_decoded(tmp_path, describe):
    file = textured({"normalTexture": {"index": 0}}, image=b"no picture")
    file.document["nodes"][0] = {"name": "empty"}
    file.document["images"].append({"uri": "missing.png"})
    file.document["buffers"] = [{"byteLength": len(file.blob), "uri": "missing.bin"}]
    assert describe(file.embedded(tmp_path)).nodes[0].mesh is None


def test_extensions_that_are_not_drawn_are_named(tmp_path, describe):
    file = triangle(positions=TRIANGLE)
    file.document["extensionsUsed"] = ["VENDOR_sparkle", "KHR_materials_unlit", "KHR_materials_sheen"]
    assert describe(file.glb(tmp_path)).notes == ["the extensions VENDOR_sparkle, KHR_materials_sheen"]


def test_an_unknown_required_extension_is_refused_by_name(tmp_path, describe):
    file = triangle()
    file.document["extensionsUsed"] = file.document["extensionsRequired"] = ["KHR_materials_unlit", "VENDOR_sparkle"]
    with pytest.raises(GltfError, match="'VENDOR_sparkle', which is not supported") as caught:
        describe(file.glb(tmp_path))
    assert (caught.value.code, caught.value.pointer) == ("UNSUPPORTED_EXTENSION", "/extensionsRequired/1")
