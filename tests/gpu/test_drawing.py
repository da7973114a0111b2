"""Drawing is right: mirrors, sides, colours, textures, order, anchors, edits, scenes and devices, seen in pixels."""

import numpy as np
import pytest

import metarender as mr
from metarender.color import to_srgb_bytes

FRONT = mr.OrthographicCamera(height=4, near=0.0, far=20).look_at((0, 0, 10), (0, 0, 0))
"""Looks along -Z at 4 x 4 metres: a pixel of a 128-pixel picture is 1/32 m."""


def pixel(picture: np.ndarray, x: float, y: float) -> tuple[int, int, int, int]:
    """The pixel at (x, y) metres from the middle, +Y up."""
    height, width = picture.shape[:2]
    return tuple(int(v) for v in picture[int(height / 2 - y * height / 4), int(width / 2 + x * width / 4)])


def square(size: float = 1.0, **attributes) -> mr.Geometry:
    """A square in the XY plane that faces +Z, its texture upright."""
    h = size / 2
    return mr.Geometry(positions=[[-h, h, 0], [-h, -h, 0], [h, -h, 0], [h, h, 0]], normals=np.tile((0, 0, 1.0), (4, 1)),
                       uv0=[[0, 0], [0, 1], [1, 1], [1, 0]], indices=[0, 1, 2, 0, 2, 3], **attributes)


def lit_scene(**sun) -> mr.Scene:
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.DirectionalLight(**{"direction": (-0.4, -0.3, -1), "shadow": False, **sun}))
    return scene


def shape() -> mr.Geometry:
    """A lopsided closed solid with flat normals."""
    rng = np.random.default_rng(5)
    ball = mr.sphere(0.8, 10, 6)
    bumpy = ball.positions * (1 + 0.3 * rng.random((len(ball.positions), 1)))
    return mr.Geometry(positions=bumpy * (1.0, 0.7, 0.5) + (0.2, 0.1, 0), indices=ball.indices, uv0=ball.uv0).with_flat_normals()


# --- mirrors and sides -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("double_sided", (False, True))
def test_a_mirrored_node_is_the_mirrored_thing(renderer, axis, double_sided):
    """A negative scale draws what mirrored positions and normals would."""
    solid, material = shape(), mr.Standard(color=(0.8, 0.5, 0.3), roughness=0.4, double_sided=double_sided)
    mirror = np.ones(3)
    mirror[axis] = -1
    twin = mr.Geometry(positions=solid.positions * mirror, normals=solid.normals * mirror,
                       indices=solid.indices.reshape(-1, 3)[:, ::-1].ravel())
    pictures = []
    for geometry, scale in ((solid, mirror), (twin, np.ones(3))):
        scene = lit_scene()
        scene.add(mr.Mesh(geometry, material), scale=scale)
        frame = renderer.render(scene, FRONT, outputs=("color", "ids", "depth"))
        pictures.append((frame.color.astype(int), frame.ids > 0, frame.depth))
    (color, ids, depth), (color2, ids2, depth2) = pictures
    assert ids.sum() > 1000 and np.ptp(color[ids][:, 0]) > 40
    assert (np.abs(color - color2).max(axis=2) > 1).sum() <= 8
    assert (ids != ids2).sum() <= 8 and np.allclose(depth[ids & ids2], depth2[ids & ids2], atol=0.05)


def test_a_mirrored_normal_map_keeps_its_relief(device):
    """A bump stays a bump under mirrors in u and in v, with tangents and with derivatives."""
    pixels = np.full((1, 1, 4), 255, np.uint8)
    pixels[..., :3] = (200, 128, 230)  # leans towards +u
    bump = mr.Texture(pixels, srgb=False)
    seen = {}
    for tangents in (None, np.tile((1.0, 0, 0, 1), (4, 1))):
        for scale in ((1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, 1)):
            for light in ((-1, 0, -1), (1, 0, -1)):
                scene = lit_scene(direction=light)
                scene.add(mr.Mesh(square(3, tangents=tangents), mr.Standard(roughness=1, normal_texture=bump)), scale=scale)
                with mr.Renderer(size=(16, 16), msaa=1, device=device) as renderer:
                    seen[tangents is None, scale[0], scale[1], light[0]] = int(renderer.render(scene, FRONT).color[8, 8, 0])
    for by_uv in (False, True):
        bright, dim = seen[by_uv, 1, 1, -1], seen[by_uv, 1, 1, 1]
        assert bright > dim + 40  # light from +x meets a surface that leans to +x
        for v in (1, -1):
            assert abs(seen[by_uv, 1, v, -1] - bright) <= 1
            assert abs(seen[by_uv, -1, v, 1] - bright) <= 1 and abs(seen[by_uv, -1, v, -1] - dim) <= 1
    assert all(abs(seen[False, *key] - seen[True, *key]) <= 1 for key in {key[1:] for key in seen})


def test_one_side_or_both(renderer):
    scene = lit_scene(direction=(0, 0, -1))
    for x, double in ((-1, False), (1, True)):
        scene.add(mr.Mesh(square(), mr.Standard(roughness=1.0, double_sided=double)), position=(x, 0, 0), rotation=(0, 1, 0, 0))
        scene.add(mr.Mesh(square(0.5), mr.Standard(roughness=1.0, double_sided=double)), position=(x, 1.5, 0), rotation=(0, 1, 0, 0),
                  scale=(-1, 1, 1))
    frame = renderer.render(scene, FRONT, outputs=("color", "ids"))
    for y in (0, 1.5):
        assert pixel(frame.color, -1, y)[3] == 0 and frame.pick(32, int(64 - 32 * y)) is None
        assert pixel(frame.color, 1, y)[0] > 200, "a back side is lit from its own side"


def test_uneven_scale_keeps_normals_upright(renderer):
    """A sphere flattened by scale is shaded as one whose normals were computed, but for how normals blend inside a triangle."""
    ball, squash = mr.sphere(1.0), np.array([1.5, 0.4, 1.0])
    normals = ball.normals / squash
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    twin = mr.Geometry(positions=ball.positions * squash, normals=normals, indices=ball.indices)
    pictures = []
    for geometry, scale in ((ball, squash), (twin, 1.0)):
        scene = lit_scene()
        scene.add(mr.Mesh(geometry, mr.Standard(roughness=0.6)), scale=scale)
        pictures.append(renderer.render(scene, FRONT).color.astype(int))
    difference = np.abs(pictures[0] - pictures[1]).max(axis=2)
    assert (difference > 12).sum() <= 4 and difference.mean() < 0.1


# --- colours, textures -----------------------------------------------------------------------------------------------------


def test_vertex_colors_multiply_and_interpolate(renderer):
    scene = mr.Scene()
    colors = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]], float)
    scene.add(mr.Mesh(square(2, colors=colors), mr.Unlit(color=(1.0, 1.0, 0.5))))
    picture = renderer.render(scene, FRONT).color
    middle = to_srgb_bytes((0.5, 0.0, 0.25))
    assert np.abs(np.array(pixel(picture, 0, 0)) - middle).max() <= 3
    assert pixel(picture, -0.97, 0)[0] > 250 and pixel(picture, 0.97, 0)[2] > 180


PATCHES = np.array([[(255, 0, 0, 255), (0, 255, 0, 255)], [(0, 0, 255, 255), (255, 255, 255, 255)]], np.uint8)
NEAREST = {"mag": "nearest", "min": "nearest"}


def names(picture: np.ndarray, places) -> str:
    """The colours at places, a letter each; a dot is the background."""
    letters = {(255, 0, 0, 255): "r", (0, 255, 0, 255): "g", (0, 0, 255, 255): "b", (255, 255, 255, 255): "w", (0, 0, 0, 0): "."}
    return "".join(letters.get(pixel(picture, *place), "?") for place in places)


QUARTERS = ((-0.5, 0.5), (0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))


def test_a_texture_stands_upright(renderer):
    scene = mr.Scene()
    scene.add(mr.Mesh(square(2), mr.Unlit(color_texture=mr.Texture(PATCHES, srgb=True, sampler=mr.Sampler(**NEAREST)))))
    assert names(renderer.render(scene, FRONT).color, QUARTERS) == "rgbw"


@pytest.mark.parametrize(("wrap", "row"), (("repeat", "rgrgrg"), ("mirrored_repeat", "grrggr"), ("clamp_to_edge", "rrrggg")))
def test_wrap_modes(renderer, wrap, row):
    """Three widths of a picture, from u = -1 to 2, along its top row."""
    texture = mr.Texture(PATCHES, srgb=True, sampler=mr.Sampler(**NEAREST, wrap_s=wrap))
    scene = mr.Scene()
    scene.add(mr.Mesh(square(3.0), mr.Unlit(color_texture=mr.TextureInfo(texture, offset=(-1, 0), scale=(3, 0.5)))))
    assert names(renderer.render(scene, FRONT).color, [(-1.25 + 0.5 * i, 0) for i in range(6)]) == row


def test_texture_transform_turns_as_gltf_says(renderer):
    """KHR_texture_transform: uv' = translation * rotation * scale * uv, rotation counter-clockwise in (u, -v)."""
    texture = mr.Texture(PATCHES, srgb=True, sampler=mr.Sampler(**NEAREST))
    scene = mr.Scene()
    scene.add(mr.Mesh(square(2), mr.Unlit(color_texture=mr.TextureInfo(texture, rotation=np.pi / 2))))
    # rotation = pi / 2: (u, v) -> (v, -u)
    assert names(renderer.render(scene, FRONT).color, QUARTERS) == "brwg"


def test_the_second_set_of_coordinates(renderer):
    texture = mr.Texture(PATCHES, srgb=True, sampler=mr.Sampler(**NEAREST))
    second = [[1, 0], [1, 1], [0, 1], [0, 0]]  # flipped sideways
    scene = mr.Scene()
    scene.add(mr.Mesh(square(2, uv1=second), mr.Unlit(color_texture=mr.TextureInfo(texture, tex_coord=1))))
    assert names(renderer.render(scene, FRONT).color, QUARTERS) == "grwb"


def test_small_levels_average_linear_light(renderer):
    """A fine checkerboard far away is the mean of its light, not of its bytes, and nearest minification is not filtered."""
    board = np.zeros((64, 64, 4), np.uint8)
    board[..., 3] = 255
    board[(np.indices((64, 64)).sum(axis=0) % 2) == 1] = 255
    grey = to_srgb_bytes((0.5, 0.5, 0.5))[0]
    scene = mr.Scene()
    scene.add(mr.Mesh(square(1), mr.Unlit(color_texture=mr.TextureInfo(mr.Texture(board, srgb=True), scale=(8, 8)))), position=(-1, 0, 0))
    plain = mr.Texture(board, srgb=True, sampler=mr.Sampler(**NEAREST))
    scene.add(mr.Mesh(square(1), mr.Unlit(color_texture=mr.TextureInfo(plain, scale=(8, 8)))), position=(1, 0, 0))
    picture = renderer.render(scene, FRONT).color
    assert abs(pixel(picture, -1, 0)[0] - grey) <= 3
    assert set(np.unique(picture[50:78, 84:108, 0])) <= {0, 255}


def test_textures_of_one_page_and_of_many(renderer):
    """Sixteen colours in sixteen layers of three pages, some shared by two materials, all drawn at once."""
    scene, expected = mr.Scene(), {}
    rng = np.random.default_rng(2)
    textures = []
    for i in range(16):
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        size = (4, 8, 8)[i % 3], (4, 4, 8)[i % 3]
        textures.append((mr.Texture(np.full((*size, 4), (*color, 255), np.uint8), srgb=True), color))
    for i in range(64):
        texture, color = textures[(i * 5) % 16]
        place = (-1.75 + 0.5 * (i % 8), 1.75 - 0.5 * (i // 8))
        kind = mr.Unlit(color_texture=texture, name=str(i // 32))
        scene.add(mr.Mesh(square(0.4), kind), position=(*place, 0))
        expected[place] = color
    picture = renderer.render(scene, FRONT).color
    assert all(np.abs(np.array(pixel(picture, *place)[:3]) - color).max() <= 1 for place, color in expected.items())


# --- order -----------------------------------------------------------------------------------------------------------------


def test_blended_surfaces_are_sorted_whatever_the_order_of_making(renderer):
    """Red glass in front of green in front of blue, over white; of one material class and of three."""
    layers = ((1.0, (1.0, 0.0, 0.0, 0.5)), (0.0, (0.0, 1.0, 0.0, 0.5)), (-1.0, (0.0, 0.0, 1.0, 0.5)))
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        scene = mr.Scene()
        scene.background = "white"
        for i in order:
            z, color = layers[i]
            scene.add(mr.Mesh(square(2), mr.Unlit(color=color, alpha_mode="blend", double_sided=i == 1)), position=(0, 0, z))
        assert np.abs(np.array(pixel(renderer.render(scene, FRONT).color, 0, 0)) - to_srgb_bytes((0.625, 0.375, 0.25))).max() <= 1
        back = mr.OrthographicCamera(height=4, near=0, far=20).look_at((0, 0, -10), (0, 0, 0))
        seen = pixel(renderer.render(scene, back).color, 0, 0)
        assert np.abs(np.array(seen) - to_srgb_bytes((0.5, 1.0, 0.5))).max() <= 1, "only the double-sided one has a back"


def test_what_is_behind_something_solid_is_hidden(renderer):
    scene = mr.Scene()
    scene.add(mr.Mesh(square(2), mr.Unlit(color="red")), position=(0, 0, 1))
    scene.add(mr.Mesh(square(3), mr.Unlit(color=(0.0, 1.0, 0.0, 0.5), alpha_mode="blend")))
    frame = renderer.render(scene, FRONT, outputs=("color", "ids"))
    assert pixel(frame.color, 0, 0) == (255, 0, 0, 255) and pixel(frame.color, 1.3, 0)[1] == 255
    assert frame.ids[64, 64] == 1 and frame.ids[64, 64 + 42] == 2


# --- places ----------------------------------------------------------------------------------------------------------------


def test_things_kilometres_apart_are_all_in_place(renderer):
    """Each neighbourhood has an anchor of its own; a camera at each sees the same picture, to the byte."""
    scene, material = lit_scene(), mr.Standard(color="orange")
    places = [(0, 0, 0), (4096, 0, 0), (0, 0, -8192), (65536, 128, 65536)]
    for place in places:
        scene.add(mr.Mesh(shape(), material), position=place)
    pictures = []
    for place in places:
        camera = mr.PerspectiveCamera()
        camera.look_at((0, 1, 4), (0, 0, 0))
        camera.position = np.array((0, 1, 4)) + place
        pictures.append(renderer.render(scene, camera).color)
    assert scene.store.anchor_count >= 4 and (pictures[0][..., 3] > 0).sum() > 500
    far_apart = [np.abs(picture.astype(int) - pictures[0]).max() for picture in pictures[1:]]
    assert max(far_apart) == 0


def test_lines_and_points_are_visible_and_keep_their_color(renderer):
    scene = lit_scene()
    scene.add(mr.Mesh(mr.Geometry(positions=[[-1.5, 1, 0], [1.5, 1, 0]], topology="lines"), mr.Standard(color="red")))
    scene.add(mr.Mesh(mr.Geometry(positions=[[0.01, -1.01, 0], [1.01, -1.01, 0]], topology="points"), mr.Unlit(color="lime")),
              scale=(-1, 1, 1))
    frame = renderer.render(scene, FRONT, outputs=("color", "ids"))
    red = (frame.color == (255, 0, 0, 255)).all(axis=2)
    assert red.sum() >= 94 and len(set(np.nonzero(red)[0])) == 1
    assert (frame.color == (0, 255, 0, 255)).all(axis=2).sum() == 2
    assert (frame.ids > 0).sum() == red.sum() + 2
    assert frame.stats.triangles == 0


def test_hidden_and_layerless_nodes_are_not_drawn(renderer):
    scene = mr.Scene()
    group = scene.add(None)
    shown = scene.add(mr.Mesh(square(), mr.Unlit(color="red")), position=(-1, 0, 0))
    child = scene.add(mr.Mesh(square(), mr.Unlit(color="lime")), group, position=(1, 0, 0))
    places = ((-1, 0), (1, 0))
    assert names(renderer.render(scene, FRONT).color, places) == "rg"
    group.visible = False
    assert names(renderer.render(scene, FRONT).color, places) == "r."
    group.visible, shown.layers = True, 0
    assert names(renderer.render(scene, FRONT).color, places) == ".g"
    child.remove()
    assert not renderer.render(scene, FRONT, outputs=("color", "ids")).ids.any()
    shown.layers = 2
    assert names(renderer.render(scene, FRONT).color, places) == "r."


def test_an_empty_scene_and_one_that_became_empty(renderer):
    scene = mr.Scene()
    for outputs in (("color",), ("ids",), ("depth",), ("color", "ids", "depth")):
        renderer.render(scene, outputs=outputs)
    scene.add(mr.DirectionalLight())
    node = scene.add(mr.Mesh(square(2), mr.Standard()))
    assert renderer.render(scene, FRONT).color.any()
    node.remove()
    frame = renderer.render(scene, outputs=("color", "ids", "depth"))
    assert not frame.color.any() and not frame.ids.any() and np.isinf(frame.depth).all()


# --- edits reach the next frame ---------------------------------------------------------------------------------------------


def test_every_edit_of_a_material_reaches_the_next_frame(renderer):
    scene, material = mr.Scene(), mr.Unlit(color="red")
    scene.background = "white"
    scene.add(mr.Mesh(square(2), material))
    first, second = (mr.Texture(np.full((2, 2, 4), color, np.uint8), srgb=True) for color in ((0, 255, 0, 255), (0, 0, 255, 64)))

    def seen() -> tuple[int, int, int]:
        return pixel(renderer.render(scene, FRONT).color, 0, 0)[:3]

    assert seen() == (255, 0, 0)
    material.color = "white"
    material.color_texture = first
    assert seen() == (0, 255, 0)
    material.color_texture = second
    assert seen() == (0, 0, 255)
    material.alpha_mode = "mask"
    assert seen() == (255, 255, 255)
    material.alpha_cutoff = 0.2
    assert seen() == (0, 0, 255)
    material.alpha_mode = "blend"
    mixed = to_srgb_bytes((1 - 64 / 255, 1 - 64 / 255, 1.0))[:3]
    assert np.abs(np.array(seen()) - mixed).max() <= 1
    material.color_texture, material.alpha_mode = None, "opaque"
    assert seen() == (255, 255, 255)
    material.color = (10, 20, 30)
    assert seen() == (10, 20, 30)
    material.double_sided = True
    away = mr.OrthographicCamera(height=4, near=0, far=20).look_at((0, 0, -10), (0, 0, 0))
    assert pixel(renderer.render(scene, away).color, 0, 0)[:3] == (10, 20, 30)


def test_every_edit_of_a_light_reaches_the_next_frame(renderer):
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(square(4), mr.Standard(roughness=1.0)))

    def seen(x: float = 0.0) -> int:
        return pixel(renderer.render(scene, FRONT).color, x, 0)[0]

    assert seen() == 0
    sun = scene.add(mr.DirectionalLight(direction=(0, 0, -1), intensity=1.0))
    dim = seen()
    sun.light.intensity = 2.0
    assert seen() > dim > 50
    sun.visible = False
    assert seen() == 0
    sun.visible, sun.light.direction = True, (0, 0, 1)
    assert seen() == 0, "light from behind"
    sun.light = mr.PointLight(intensity=3.0, range=1.5)
    sun.position = (1, 0, 1)
    assert seen(1) > 100 and seen(-1.5) == 0
    sun.light.range = np.inf
    assert seen(-1.5) > 0
    sun.light = mr.SpotLight(intensity=3.0, outer_angle=0.3)
    assert seen(1) > 100 and seen(0.3) == 0
    sun.light.outer_angle = 1.2
    assert seen(0.3) > 0
    group = scene.add(None, position=(-2, 0, 0))
    sun.parent = group
    assert seen(-1) > seen(1)
    group.remove()
    assert seen() == 0


def test_environment_and_background_edits_reach_the_next_frame(renderer):
    scene = mr.Scene()
    scene.environment = mr.Environment(np.full((4, 8, 3), 0.25, np.float32))
    scene.add(mr.Mesh(square(1), mr.Standard(color="white", roughness=1.0)))
    scene.background = "environment"
    renderer.tone_mapping = "none"
    for camera in (FRONT, mr.PerspectiveCamera(fov=22.6).look_at((0, 0, 10), (0, 0, 0))):
        scene.environment.intensity = 1.0
        first = renderer.render(scene, camera).color
        assert abs(pixel(first, 1.5, 0)[0] - to_srgb_bytes((0.25,) * 3)[0]) <= 1
        assert abs(pixel(first, 0, 0)[0] - to_srgb_bytes((0.25,) * 3)[0]) <= 8, "a white thing in a white furnace"
        scene.environment.intensity = 2.0
        assert pixel(renderer.render(scene, camera).color, 1.5, 0)[0] > pixel(first, 1.5, 0)[0]
    scene.background = "black"
    assert pixel(renderer.render(scene, FRONT).color, 1.5, 0) == (0, 0, 0, 255)
    scene.background = "transparent"
    assert pixel(renderer.render(scene, FRONT).color, 1.5, 0)[3] == 0
    kept, scene.environment = scene.environment, None
    assert pixel(renderer.render(scene, FRONT).color, 0, 0)[:3] == (0, 0, 0)
    scene.background = "environment"
    assert pixel(renderer.render(scene, FRONT).color, 1.5, 0)[3] == 0
    scene.environment = kept
    assert pixel(renderer.render(scene, FRONT).color, 1.5, 0)[0] > 100


def test_the_environment_turns_with_its_rotation(renderer):
    """A bright half of the sky at +Z moves towards +X (Environment.rotation), like a node that turns about +Y."""
    equirect = np.zeros((16, 32, 3), np.float32)
    u = (np.arange(32) + 0.5) / 32
    equirect[:, np.sin((u - 0.5) * 2 * np.pi) > 0.7] = 1.0  # around +Z
    scene = mr.Scene()
    scene.environment, scene.background = mr.Environment(equirect), "environment"
    for turn, direction in ((0.0, (0, 0, 1)), (np.pi / 2, (1, 0, 0)), (np.pi, (0, 0, -1))):
        scene.environment.rotation = turn
        bright = renderer.render(scene, mr.PerspectiveCamera().look_at((0, 0, 0), direction)).color[64, 64, 0]
        dark = renderer.render(scene, mr.PerspectiveCamera().look_at((0, 0, 0), -np.array(direction))).color[64, 64, 0]
        assert bright > 150 and dark < 20


def test_geometry_memory_is_reused_without_a_trace(renderer):
    """Shapes come and go for many frames; what is drawn is always the shape of the moment."""
    scene, rng = mr.Scene(), np.random.default_rng(1)
    kept = scene.add(mr.Mesh(square(0.5), mr.Unlit(color="red")), position=(-1.5, 1.5, 0))
    node = None
    for step in range(30):
        count = int(rng.integers(1, 400))
        bar = square(1)
        strips = [mr.Geometry(positions=bar.positions * (0.5 + step % 3, 0.2, 1) + (0, 0, -0.001 * i), indices=bar.indices,
                              normals=bar.normals if step % 2 else None) for i in range(1 + count % 5)]
        if node is not None:
            node.remove()
        node = scene.add(mr.Mesh(primitives=[(strip, mr.Unlit(color="lime")) for strip in strips]))
        picture = renderer.render(scene, FRONT).color
        green = (picture == (0, 255, 0, 255)).all(axis=2)
        assert green.any(axis=0).sum() == round((0.5 + step % 3) * 32) and green.any(axis=1).sum() in (6, 7)
        assert pixel(picture, -1.5, 1.5) == (255, 0, 0, 255)
    assert kept.alive


def test_texture_layers_are_reused_without_a_trace(renderer):
    import gc

    scene = mr.Scene()
    nodes = {}
    rng = np.random.default_rng(3)
    for step in range(40):
        place = int(rng.integers(0, 8))
        if place in nodes:
            nodes.pop(place)[0].remove()
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        texture = mr.Texture(np.full((4, 4, 4), (*color, 255), np.uint8), srgb=True)
        nodes[place] = scene.add(mr.Mesh(square(0.4), mr.Unlit(color_texture=texture)), position=(-1.75 + 0.5 * place, 0, 0)), color
        del texture
        gc.collect()
        if step % 3 == 0:
            picture = renderer.render(scene, FRONT).color
            for number, (_, expected) in nodes.items():
                assert np.abs(np.array(pixel(picture, -1.75 + 0.5 * number, 0)[:3]) - expected).max() <= 1


# --- several scenes, renderers, devices ----------------------------------------------------------------------------------------


def test_two_scenes_alternate_on_one_renderer(renderer):
    """They share a material and a texture, have shadows, and are edited in turn."""
    texture = mr.Texture(np.full((4, 4, 4), (200, 100, 50, 255), np.uint8), srgb=True)
    shared = mr.Standard(color_texture=texture, roughness=1.0)
    scenes = []
    for side in (-1, 1):
        scene = lit_scene(shadow=True)
        scene.add(mr.Mesh(square(3), shared), position=(0, 0, -1))
        scenes.append((scene, scene.add(mr.Mesh(mr.box(0.6), mr.Standard(color="white")), position=(side, 0, 0))))
    alone = []
    for scene, _ in scenes:
        with mr.Renderer(size=(128, 128), msaa=1, device=renderer.device) as fresh:
            alone.append(fresh.render(scene, FRONT).color)
    for _ in range(3):
        for (scene, _), expected in zip(scenes, alone, strict=True):
            assert np.array_equal(renderer.render(scene, FRONT).color, expected)
    shared.color = "blue"
    scenes[1][1].position = (0, 1, 0)
    changed = [renderer.render(scene, FRONT).color for scene, _ in scenes]
    with mr.Renderer(size=(128, 128), msaa=1, device=renderer.device) as fresh:
        assert all(np.array_equal(fresh.render(scene, FRONT).color, picture) for (scene, _), picture in zip(scenes, changed, strict=True))
    assert not np.array_equal(changed[0], alone[0])


def test_one_scene_on_two_devices_in_turn():
    """Whatever one device has drawn meanwhile, the other catches up with all edits."""
    scene, rng = lit_scene(shadow=True), np.random.default_rng(8)
    materials = [mr.Standard(color=tuple(rng.uniform(0, 1, 3))) for _ in range(4)]
    nodes = [scene.add(mr.Mesh(mr.box(0.5), materials[i % 4]), position=rng.uniform(-1.5, 1.5, 3)) for i in range(20)]
    with mr.Renderer(size=(96, 96), msaa=1, device="software") as one, mr.Renderer(size=(96, 96), msaa=1, device="software") as two:
        for step in range(12):
            nodes[step].position = rng.uniform(-1.5, 1.5, 3)
            materials[step % 4].color = tuple(rng.uniform(0, 1, 3))
            if step % 4 == 1:
                nodes.pop().remove()
                nodes.append(scene.add(mr.Mesh(mr.sphere(0.3), materials[0]), position=rng.uniform(-1.5, 1.5, 3)))
            first = one.render(scene, FRONT).color if step % 3 != 2 else None
            second = two.render(scene, FRONT).color if step % 2 == 0 else None
            if first is not None and second is not None:
                assert np.array_equal(first, second)
        last = one.render(scene, FRONT).color
        assert np.array_equal(last, two.render(scene, FRONT).color)
    with mr.Renderer(size=(96, 96), msaa=1, device="software") as fresh:  # both could have missed the same edit
        assert np.array_equal(fresh.render(scene, FRONT).color, last)


def test_two_renderers_share_a_device_and_keep_their_own_settings(device):
    scene = lit_scene(shadow=True)
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color="orange")))
    with mr.Renderer(size=(64, 48), msaa=4, device=device) as one, mr.Renderer(size=(32, 32), msaa=1, exposure=2.0, device=device) as two:
        first, other = one.render(scene, FRONT), two.render(scene, FRONT)
        assert first.color.shape == (48, 64, 4) and other.color.shape == (32, 32, 4)
        assert first.pick(32, 24) is not None and other.pick(16, 16) == first.pick(32, 24)
        assert np.array_equal(one.render(scene, FRONT).color, first.color)


@pytest.mark.parametrize("asked", (1, 2, 4, 8, 16))
def test_any_msaa_draws_and_is_clamped(device, asked):
    scene = mr.Scene()
    scene.add(mr.Mesh(square(2), mr.Unlit(color="red")), rotation=(0, 0, 0.2, 0.98))
    with mr.Renderer(size=(32, 32), msaa=asked, device=device) as renderer:
        assert renderer.msaa == min(asked, device.capabilities.max_samples)
        alpha = renderer.render(scene, FRONT).color[..., 3]
    assert alpha[16, 16] == 255 and (len(np.unique(alpha)) > 2) == (renderer.msaa > 1)
