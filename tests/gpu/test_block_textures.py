"""Textures of BC7 blocks: our decoder against the driver's, both ways of storing a page, levels that the file brings, and captures."""

from __future__ import annotations

import numpy as np
import pytest

import metarender as mr
from metarender._core import bc7_decode
from metarender.errors import InvalidInput
from metarender.gpu import gl_extra as gl
from metarender.gpu.resource_pools import ResourcePools
from metarender.textures import Sampler


def random_blocks(count, seed=0):
    """Blocks of all eight modes and of the reserved one, in turns."""
    blocks = np.random.default_rng(seed).integers(0, 256, (count, 16)).astype(np.uint8)
    for mode in range(9):
        rows = blocks[mode::9, 0]
        blocks[mode::9, 0] = (rows >> mode | 1) << mode & 255 if mode < 8 else 0
    return blocks


def plain_block(color):
    """A block of one colour with even channels: mode 6, both ends equal, seven bits a channel and a bit of 0 for each end."""
    bits, at = 1 << 6, 7
    for channel in color:
        bits |= (channel >> 1) << at | (channel >> 1) << (at + 7)
        at += 14
    return np.frombuffer(bits.to_bytes(16, "little"), np.uint8)


def plain_levels(colors, size):
    """One colour for each level."""
    sides = [(-(-max(size[1] >> k, 1) // 4), -(-max(size[0] >> k, 1) // 4)) for k in range(len(colors))]
    return [np.tile(plain_block(color), (*side, 1)) for color, side in zip(colors, sides, strict=True)]


def card(texture):
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.plane((2, 2)), mr.Unlit(color_texture=texture)))
    return scene


def look(renderer, texture, height=2.0):
    """The picture of a card from above."""
    return renderer.render(card(texture), mr.PerspectiveCamera(fov=53.13).look_at((0, height, 0), (0, 0, 0), (0, 0, -1))).color


def keep(renderer, kept):
    ResourcePools.of(renderer.device).textures.keeps_blocks = kept


def test_every_mode_is_decoded_as_the_driver_does(device):
    blocks = random_blocks(64 * 63).reshape(64, 63, 16)
    width, height = 250, 255  # the last blocks reach over the edge
    page = device.create_texture_array(width, height, 1, gl.GL_COMPRESSED_RGBA_BPTC_UNORM, clear=False)
    device.gl.glCompressedTextureSubImage3D(page.name, 0, 0, 0, 0, width, height, 1, page.format, blocks.nbytes, gl.address(blocks))
    theirs = np.zeros((height, width, 4), np.uint8)
    device.gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
    device.gl.glGetTextureImage(page.name, 0, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, theirs.nbytes, gl.address(theirs))
    device.check("reading blocks")
    ours = bc7_decode(blocks, width, height)
    assert np.array_equal(ours, theirs) and len(np.unique(ours.reshape(-1, 4), axis=0)) > 20_000
    page.release()


def test_a_plain_block_is_its_colour():
    assert (bc7_decode(plain_block((200, 30, 90, 254)).reshape(1, 1, 16), 3, 2) == (200, 30, 90, 254)).all()


@pytest.mark.parametrize("srgb", [True, False])
@pytest.mark.parametrize("kept", [True, False])
def test_blocks_draw_as_the_pixels_that_they_stand_for(renderer, kept, srgb):
    keep(renderer, kept)
    blocks = random_blocks(8 * 8, seed=3).reshape(8, 8, 16)
    texture = mr.Texture.from_blocks([blocks], (32, 32), srgb=srgb, sampler=Sampler(mag="nearest", min="nearest"))
    same = mr.Texture(texture.pixels, srgb=srgb, sampler=texture.sampler)
    material, other = (mr.Standard(normal_texture=t) if not srgb else mr.Unlit(color_texture=t) for t in (texture, same))
    pictures = []
    for surface in (material, other):
        scene = mr.Scene()
        scene.add(mr.Mesh(mr.plane((2, 2)), surface))
        pictures.append(renderer.render(scene, mr.PerspectiveCamera(fov=53.13).look_at((0, 2, 0), (0, 0, 0), (0, 0, -1))).color)
    apart = np.abs(pictures[0].astype(int) - pictures[1])
    assert apart.max() <= (1 if kept else 0) and len(np.unique(pictures[0].reshape(-1, 4), axis=0)) > 50


@pytest.mark.parametrize("kept", [True, False])
def test_levels_come_from_the_file_and_not_from_the_device(renderer, kept):
    keep(renderer, kept)
    red, green, blue = (200, 0, 0, 254), (0, 200, 0, 254), (0, 0, 200, 254)
    texture = mr.Texture.from_blocks(plain_levels((red, green, blue), (128, 128)), (128, 128), srgb=True,
                                     sampler=Sampler(min="nearest_mipmap_nearest"))
    for height, color in ((2.0, red), (4.0, green), (8.0, blue), (32.0, blue)):
        assert look(renderer, texture, height)[64, 64, :3].tolist() == list(color[:3])


@pytest.mark.parametrize("kept", [True, False])
def test_pages_grow_and_are_counted(renderer, kept):
    """Textures of odd sizes, more each time; earlier ones keep their layers, and the bytes are those that were asked of the driver."""
    keep(renderer, kept)
    colors = [(20 * k, 255 - 21 * k & 254, 8 * k, 254) for k in range(9)]
    textures = [mr.Texture.from_blocks(plain_levels((color,) * 4, (10, 6)), (10, 6), srgb=True) for color in colors]
    for texture, color in zip(textures, colors, strict=True):
        assert np.abs(look(renderer, texture)[64, 64, :3].astype(int) - color[:3]).max() <= 1
    for texture, color in zip(textures, colors, strict=True):
        assert np.abs(look(renderer, texture)[64, 64, :3].astype(int) - color[:3]).max() <= 1
    layer = 16 * (3 * 2 + 2 * 1 + 1 + 1) if kept else 4 * (10 * 6 + 5 * 3 + 2 * 1 + 1)
    held = renderer.memory.textures
    assert held % layer == 0 and 9 <= held // layer <= 13
    assert renderer.memory.total == sum(renderer.device.live_bytes.values())


def test_a_gpu_keeps_blocks_and_a_cpu_does_not(renderer):
    capabilities = renderer.device.capabilities
    assert capabilities.has("bptc") and capabilities.software and not capabilities.samples_blocks
    assert not ResourcePools.of(renderer.device).textures.keeps_blocks


def test_a_capture_keeps_blocks(tmp_path):
    blocks = [random_blocks(6, seed=5).reshape(2, 3, 16), random_blocks(2, seed=6).reshape(1, 2, 16)]
    texture = mr.Texture.from_blocks(blocks, (10, 6), srgb=True, name="odd")
    scene, camera = card(texture), mr.PerspectiveCamera(fov=53.13).look_at((0, 2, 0), (0, 0, 0), (0, 0, -1))
    frame = mr.capture(scene, camera, tmp_path / "blocks.mrz", size=(64, 64))
    opened = mr.open_capture(tmp_path / "blocks.mrz")
    (mesh,) = {node.mesh for node in opened.scene.nodes} - {None}
    kept = mesh.primitives[0][1].color_texture.texture
    assert kept.page == texture.page and kept.name == "odd"
    assert all(np.array_equal(a, b) for a, b in zip(kept.blocks, texture.blocks, strict=True))
    assert np.array_equal(mr.render(opened.scene, opened.camera, size=(64, 64)).color, frame.color)
    assert mr.replay(tmp_path / "blocks.mrz").equal


def test_a_texture_of_blocks_says_what_it_is():
    texture = mr.Texture.from_blocks(plain_levels(((0, 0, 0, 0),) * 2, (8, 8)), (8, 8), srgb=False, name="plate")
    assert repr(texture) == "<Texture 'plate' 8x8 BC7>" and texture.nbytes == 5 * 16 and texture.page.levels == 2
    assert mr.Texture(texture.pixels, srgb=False).nbytes == 256
    assert texture.pixels.shape == (8, 8, 4) and not texture.pixels.any()


@pytest.mark.parametrize(
    ("blocks", "size", "words"),
    [
        ([], (8, 8), "1 to 4 levels, not 0"), (plain_levels(((0,) * 4,) * 4, (4, 4)), (4, 4), "1 to 3 levels, not 4"),
        (plain_levels(((0,) * 4,), (8, 8)), (9, 8), r"Level 0 of 9x8 pixels needs \(2, 3, 16\) uint8, not \(2, 2, 16\)"),
        ([np.zeros((2, 2, 16), np.int8)], (8, 8), "uint8, not .* int8"), (plain_levels(((0,) * 4,), (8, 8)), (0, 8), "two positive whole"),
        (plain_levels(((0,) * 4,), (8, 8)), 8, "two positive whole"),
    ],
)
def test_blocks_of_another_shape_are_refused(blocks, size, words):
    with pytest.raises(InvalidInput, match=words):
        mr.Texture.from_blocks(blocks, size, srgb=True)
