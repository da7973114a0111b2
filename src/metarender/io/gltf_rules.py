"""The rules of glTF 2.0 that a schema cannot say: versions, extensions, the node tree, images, cameras, lights and materials.

`check_document` is the one door: after it, whoever reads the JSON may trust types, ranges, references, layouts and the tree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from .gltf_animation_rules import check_animations
from .gltf_container import check_uri, data_head, data_uri
from .gltf_layout import check_accessors, check_views
from .gltf_mesh_rules import Usage, check_meshes
from .gltf_meshopt import check_compressed_views
from .gltf_schema import Context, Fault, pointer, shown
from .gltf_skin_rules import check_skins
from .gltf_tables import COLLECTIONS, ROOT
from .images import sniff

DRAWN = frozenset(
    {
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "EXT_texture_webp",
        "GOOGLE_texture_basis",
        "KHR_animation_pointer",
        "KHR_draco_mesh_compression",
        "KHR_lights_punctual",
        "KHR_materials_emissive_strength",
        "KHR_materials_unlit",
        "KHR_materials_variants",
        "KHR_mesh_quantization",
        "KHR_node_visibility",
        "KHR_texture_basisu",
        "KHR_texture_transform",
    }
)
"""Extensions that change the picture here as they should (of variants, the default one is drawn)."""

CHECKED = frozenset(
    {
        "KHR_materials_anisotropy",
        "KHR_materials_clearcoat",
        "KHR_materials_dispersion",
        "KHR_materials_ior",
        "KHR_materials_iridescence",
        "KHR_materials_sheen",
        "KHR_materials_specular",
        "KHR_materials_transmission",
        "KHR_materials_volume",
    }
)
"""Extensions that are read and checked but not drawn: the core material below them is, also where a file requires them."""

KEPT = frozenset({"EXT_instance_features", "EXT_mesh_features", "EXT_structural_metadata", "KHR_xmp_json_ld"})
"""Extensions that say what things are and not how they look: nothing is missing from the picture, and a save writes them back."""

_LOOSE = 0.00769
"""How far from 1 the length of a stored quaternion may be: what rounding to signed normalized bytes can do."""

TOLERATED: Mapping[str, str] = MappingProxyType(
    {
        "ACCESSOR_ELEMENT_OUT_OF_MAX_BOUND": "min and max are never read",
        "ACCESSOR_ELEMENT_OUT_OF_MIN_BOUND": "min and max are never read",
        "ACCESSOR_INVALID_SIGN": "the shader takes the sign of any tangent",
        "ACCESSOR_JOINTS_INDEX_DUPLICATE": "weights of one joint add up",
        "ACCESSOR_MAX_MISMATCH": "min and max are never read",
        "ACCESSOR_MIN_MISMATCH": "min and max are never read",
        "ACCESSOR_NON_CLAMPED": "vertex colours above 1 are drawn as they are",
        "ACCESSOR_VECTOR3_NON_UNIT": "the shader normalizes",
        "ACCESSOR_WEIGHTS_NON_NORMALIZED": "weights are made to sum to 1",
        "GLB_CHUNK_LENGTH_UNALIGNED": "chunks are found by their lengths",
        "MESH_PRIMITIVE_POSITION_ACCESSOR_WITHOUT_BOUNDS": "min and max are never read",
        "SKIN_NO_COMMON_ROOT": "a pose needs no node above all joints",
    }
)
"""Errors of the Khronos validator that are harmless here, and why; files that have only these load."""


def check_document(document: dict[str, Any]) -> tuple[list[str], bool]:
    """Check a parsed glTF document whole, and put integers where the file has decimals for them.

    Returns
    -------
    ignored : list of str
        Extensions of ``extensionsUsed`` that are not drawn, in the order of the file.
    has_decimals : bool
        Whether there was a decimal in the place of an integer.

    Raises
    ------
    GltfError
        At the first broken rule, with the code of the Khronos validator and a JSON pointer.
    """
    try:
        _check_version(document)
        used = dict.fromkeys(_names(document, "extensionsUsed"))  # an ordered set
        context = Context(_counts(document), used)
        ROOT(document, context)
        check_views(document)
        check_compressed_views(document)
        check_accessors(document)
        usage = Usage(document)
        _check_buffers(document)
        _check_images(document, used, usage)
        _check_textures(document)
        _check_cameras(document)
        _check_lights(document)
        parents = check_tree(document)
        check_meshes(document, usage, "KHR_mesh_quantization" in used)
        check_skins(document, usage, parents)
        check_animations(document, usage)
        _check_required(document, used)
    except Fault as fault:
        raise fault.error() from None
    return [name for name in used if name not in DRAWN and name not in KEPT], context.has_mended


def mend_numbers(document: dict[str, Any]) -> None:
    """Turn whole numbers that are written as decimals into integers, as `check_document` does, in a document that passed it."""
    ROOT(document, Context(_counts(document), dict.fromkeys(_names(document, "extensionsUsed"))))


def _counts(document: dict[str, Any]) -> dict[str, int]:
    counts = {name: len(value) for name in COLLECTIONS if type(value := document.get(name)) is list}
    extensions = document.get("extensions")
    for extension, name in (("KHR_lights_punctual", "lights"), ("KHR_materials_variants", "variants")):
        body = extensions.get(extension) if type(extensions) is dict else None
        if type(body) is dict:
            counts[name] = len(body[name]) if type(body.get(name)) is list else 0
    return counts


def _names(document: dict[str, Any], key: str) -> list[str]:
    value = document.get(key, [])
    return [name for name in value if type(name) is str] if type(value) is list else []


def _check_version(document: dict[str, Any]) -> None:
    """Refuse other major versions first, because nothing else can be said about such a file."""
    asset = document.get("asset")
    version, least = (_version(asset.get(key)) if type(asset) is dict else None for key in ("version", "minVersion"))
    if version is not None and version[0] != 2:
        raise Fault("UNKNOWN_ASSET_MAJOR_VERSION", f"glTF {version[0]} is not supported; export as glTF 2.0.", "version", "asset")
    if least is None:
        return
    if version is not None and least > version:
        raise Fault("ASSET_MIN_VERSION_GREATER_THAN_VERSION", "minVersion is greater than version.", "minVersion", "asset")
    if least > (2, 0):
        message = f"The file needs glTF {least[0]}.{least[1]}; this loader reads 2.0."
        raise Fault("UNKNOWN_ASSET_MINOR_VERSION", message, "minVersion", "asset")


def _version(value: Any) -> tuple[int, int] | None:
    """Return (major, minor) of a version, None where the schema will refuse it."""
    match = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", value) if type(value) is str else None
    return None if match is None else (int(match[1]), int(match[2]))


def _check_required(document: dict[str, Any], used: Collection[str]) -> None:
    required = set(_names(document, "extensionsRequired"))
    for index, name in enumerate(used):
        if name == "KHR_mesh_quantization" and name not in required:
            raise Fault("NON_REQUIRED_EXTENSION", f"{name} must also stand in extensionsRequired.", index, "extensionsUsed")
    for index, name in enumerate(_names(document, "extensionsRequired")):
        if name not in used:
            raise Fault("UNUSED_EXTENSION_REQUIRED", f"{shown(name)} is required but not in extensionsUsed.", index, "extensionsRequired")
        if name not in DRAWN and name not in CHECKED and name not in KEPT:
            message = f"The file requires the extension {shown(name)}, which is not supported; export without it."
            raise Fault("UNSUPPORTED_EXTENSION", message, index, "extensionsRequired")


TEXTURE_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "KHR_texture_basisu": ("image/ktx2",),
        "GOOGLE_texture_basis": ("image/x-basis",),
        "EXT_texture_webp": ("image/webp",),
        "": ("image/png", "image/jpeg"),
    }
)
"""What the source of a texture may be, by the extension that names it; the first one that is there is drawn."""
_KINDS = ("image/png", "image/jpeg", "image/webp", "image/ktx2")


def _check_buffers(document: dict[str, Any]) -> None:
    for index, buffer in enumerate(document.get("buffers", ())):
        if (uri := buffer.get("uri")) is None:
            continue
        check_uri(uri, pointer("buffers", index, "uri"))
        if (declared := data_uri(uri)) is None:
            continue
        mime, length = declared
        if mime not in ("application/octet-stream", "application/gltf-buffer"):
            message = f"A buffer cannot have the type {shown(mime)}; use application/octet-stream."
            raise Fault("BUFFER_DATA_URI_MIME_TYPE_INVALID", message, "uri", index, "buffers")
        if "%" not in uri and length < buffer["byteLength"]:
            message = f"The buffer declares {buffer['byteLength']} bytes and its data URI holds {length}."
            raise Fault("BUFFER_BYTE_LENGTH_MISMATCH", message, index, "buffers")


def _check_images(document: dict[str, Any], used: Collection[str], usage: Usage) -> None:
    for index, image in enumerate(document.get("images", ())):
        mime = image.get("mimeType", "")
        if (uri := image.get("uri")) is not None:
            where = pointer("images", index, "uri")
            check_uri(uri, where)
            if (declared := data_uri(uri)) is not None:
                mime = mime or declared[0]
                actual = sniff(data_head(uri, where))
                if actual != declared[0] and (actual or declared[0] in _KINDS):  # what neither knows is told apart when it is drawn
                    message = f"The data URI says it is {shown(declared[0])} and holds something else."
                    raise Fault("INVALID_URI", message, "uri", index, "images")
        if mime == "image/webp" and "EXT_texture_webp" not in used:
            raise Fault("IMAGE_NON_ENABLED_MIME_TYPE", "image/webp needs the extension EXT_texture_webp.", index, "images")
        if "bufferView" in image:
            try:
                usage.image(image["bufferView"])
            except Fault as fault:
                fault.path += ["bufferView", index, "images"]
                raise


def texture_source(texture: dict[str, Any], extension: str) -> int | None:
    """Return the image that an extension of a texture names, or the texture itself where `extension` is empty."""
    holder = texture.get("extensions", {}).get(extension, {}) if extension else texture
    source: int | None = holder.get("source")
    return source


def _check_textures(document: dict[str, Any]) -> None:
    """Check that textures point to pictures of the kind that their place allows, as far as the pictures say it."""
    images = document.get("images", ())
    for index, texture in enumerate(document.get("textures", ())):
        for extension, allowed in TEXTURE_KINDS.items():
            if (source := texture_source(texture, extension)) is None:
                continue
            path = (extension, "extensions") if extension else ()
            mime = images[source].get("mimeType") or (data_uri(images[source].get("uri", "")) or ("", 0))[0]
            if mime and mime not in allowed:
                message = f"The image is {shown(mime)}; only {' and '.join(allowed)} can stand here."
                raise Fault("TEXTURE_INVALID_IMAGE_MIME_TYPE", message, "source", *path, index, "textures")


def _check_cameras(document: dict[str, Any]) -> None:
    for index, camera in enumerate(document.get("cameras", ())):
        kind = camera["type"]
        if "perspective" in camera and "orthographic" in camera:
            raise Fault("ONE_OF_MISMATCH", "The camera must be either perspective or orthographic.", index, "cameras")
        if kind not in ("perspective", "orthographic"):
            continue  # refused by name when a node has it
        if (body := camera.get(kind)) is None:
            raise Fault("UNDEFINED_PROPERTY", f"The camera has no {kind!r}, which its type asks for.", index, "cameras")
        if body.get("zfar", math.inf) <= body["znear"]:
            raise Fault("CAMERA_ZFAR_LEQUAL_ZNEAR", "zfar must be greater than znear.", kind, index, "cameras")
        for name in ("xmag", "ymag"):
            if body.get(name) == 0:
                raise Fault("CAMERA_XMAG_YMAG_ZERO", f"{name} must not be 0.", name, kind, index, "cameras")


def _check_lights(document: dict[str, Any]) -> None:
    where = ("lights", "KHR_lights_punctual", "extensions")
    lights = document.get("extensions", {}).get("KHR_lights_punctual", {}).get("lights", ())
    for index, light in enumerate(lights):
        if light["type"] != "spot":
            continue
        if "spot" not in light:
            raise Fault("UNDEFINED_PROPERTY", "A spot light has no 'spot', which it must have.", index, *where)
        inner, outer = light["spot"].get("innerConeAngle", 0.0), light["spot"].get("outerConeAngle", math.pi / 4)
        if outer <= inner:
            message = f"outerConeAngle ({outer}) must be greater than innerConeAngle ({inner})."
            raise Fault("KHR_LIGHTS_PUNCTUAL_LIGHT_SPOT_ANGLES", message, "outerConeAngle", "spot", index, *where)


def check_tree(document: dict[str, Any]) -> list[int]:
    """Check node transforms, that no node has two parents, that there is no loop, and that scenes list roots; O(n), no recursion.

    Returns
    -------
    list of int
        Parent of each node, -1 for roots.

    Raises
    ------
    Fault
    """
    nodes: list[dict[str, Any]] = document.get("nodes", [])
    parents = [-1] * len(nodes)
    for index, node in enumerate(nodes):
        for place, child in enumerate(node.get("children", ())):
            if parents[child] >= 0:
                message = f"Node {child} already has the parent {parents[child]}."
                raise Fault("NODE_PARENT_OVERRIDE", message, place, "children", index, "nodes")
            parents[child] = index
        _check_transform(node, index)
    reached = sum(1 for _ in descend(nodes, [index for index, parent in enumerate(parents) if parent < 0]))
    if reached != len(nodes):
        raise Fault("NODE_LOOP", "The node is its own ancestor.", _in_loop(nodes, parents), "nodes")
    for index, scene in enumerate(document.get("scenes", ())):
        for place, root in enumerate(scene.get("nodes", ())):
            if parents[root] >= 0:
                message = f"Node {root} is a child of node {parents[root]}, not a root."
                raise Fault("SCENE_NON_ROOT_NODE", message, place, "nodes", index, "scenes")
    return parents


def descend(nodes: list[dict[str, Any]], roots: list[int]) -> Iterator[int]:
    """Visit `roots` and everything below them, parents first and children in file order."""
    pending = roots[::-1]
    while pending:
        index = pending.pop()
        yield index
        if children := nodes[index].get("children"):
            pending.extend(reversed(children))


def _in_loop(nodes: list[dict[str, Any]], parents: list[int]) -> int:
    """Return the lowest node of a loop; one exists."""
    reached = set(descend(nodes, [index for index, parent in enumerate(parents) if parent < 0]))
    index = next(index for index in range(len(nodes)) if index not in reached)
    for _ in range(len(nodes)):
        index = parents[index]
    lowest, at = index, parents[index]
    while at != index:
        lowest, at = min(lowest, at), parents[at]
    return lowest


def _check_transform(node: dict[str, Any], index: int) -> None:
    if "matrix" in node:
        if not node.keys().isdisjoint(("translation", "rotation", "scale")):
            raise Fault("NODE_MATRIX_TRS", "A node has either a matrix or translation, rotation and scale.", "matrix", index, "nodes")
        _check_matrix(node["matrix"], index)
    elif (rotation := node.get("rotation")) is not None and abs(math.hypot(*rotation) - 1) > _LOOSE:
        raise Fault("ROTATION_NON_UNIT", f"The rotation {shown(rotation)} is not of unit length.", "rotation", index, "nodes")


def _check_matrix(values: list[float], index: int) -> None:
    """A node matrix must be translation, rotation and scale: an affine last row, no shear, no zero axis."""
    if values[3] or values[7] or values[11] or values[15] != 1:
        raise Fault("NODE_MATRIX_NON_TRS", "The last row of a node matrix must be (0, 0, 0, 1).", "matrix", index, "nodes")
    x, y, z = values[0:3], values[4:7], values[8:11]
    xx, yy, zz = (math.hypot(*axis) for axis in (x, y, z))
    if not (xx and yy and zz):
        raise Fault("NODE_MATRIX_NON_TRS", "The node matrix has an axis of length 0.", "matrix", index, "nodes")
    for a, b, product in ((x, y, xx * yy), (y, z, yy * zz), (z, x, zz * xx)):
        if not abs(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) <= 0.01 * product:
            raise Fault(
                "NODE_MATRIX_NON_TRS", "The node matrix shears; only translation, rotation and scale are allowed.", "matrix", index, "nodes"
            )
