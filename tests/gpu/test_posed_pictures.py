"""Skins and morphs on the device: every pass draws what the float64 model says, uploads follow edits, and crowds stay cheap."""

import gc
import sys
from pathlib import Path

import moderngl
import numpy as np
import pytest

import metarender as mr
from metarender._core import DEFORM
from metarender.gpu.geometry_pool import layout_attributes
from metarender.gpu.programs import ProgramKey, class_key, defines
from metarender.gpu.resource_pools import ResourcePools
from metarender.gpu.shader_source import Composer

sys.path.append(str(Path(__file__).parent.parent / "core"))
from pose_model import Figure, affine, flesh, posed

CAMERA = mr.PerspectiveCamera(fov=30).look_at((0, 1, 9), (0, 1, 0))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def tube(joints: int, rings: int = 24, sides: int = 12) -> mr.Geometry:
    """An upright tube of 2 m whose rings follow joints one above the other, and a morph that swells it."""
    height, turn = np.meshgrid(np.linspace(0, 1, rings), np.linspace(0, 2 * np.pi, sides, endpoint=False), indexing="ij")
    height, turn = height.ravel(), turn.ravel()
    out = np.stack([np.cos(turn), np.zeros_like(turn), np.sin(turn)], axis=1)
    place = height * (joints - 1)
    low = np.minimum(place.astype(int), joints - 2)
    numbers = np.stack([low, low + 1, np.zeros_like(low), np.zeros_like(low)], axis=1)
    shares = np.stack([1 - (place - low), place - low, np.zeros_like(place), np.zeros_like(place)], axis=1)
    quad = np.arange(sides)
    first = np.stack([quad, (quad + 1) % sides, quad + sides, (quad + 1) % sides, (quad + 1) % sides + sides, quad + sides], axis=1).ravel()
    indices = (np.arange(rings - 1)[:, None] * sides + first[None, :]).reshape(-1, 3)[:, [0, 2, 1]].ravel()
    along = np.concatenate([np.tile((0, 1.0, 0), (len(out), 1)), np.ones((len(out), 1))], axis=1)
    return mr.Geometry(positions=out * 0.3 + height[:, None] * (0, 2, 0), normals=out, tangents=along, uv0=np.stack([turn, height], axis=1),
                       indices=indices, joints=numbers, weights=shares,
                       morphs=[mr.Morph(out * np.sin(np.pi * height)[:, None], height[:, None] * (0, 0.8, 0), name="swell")])


def rest(joints: int) -> mr.Skin:
    """Joints one above the other over 2 m, not turned."""
    matrices = np.tile(np.eye(4), (joints, 1, 1))
    matrices[:, 1, 3] = -np.linspace(0, 2, joints)
    return mr.Skin(matrices)


def chain(scene: mr.Scene, joints: int, bend: float, root: mr.Node | None = None) -> list[mr.Node]:
    """Joints that each turn by `bend` radians about Z."""
    made, above = [], root
    for number in range(joints):
        turn = (0, 0, np.sin(bend / 2), np.cos(bend / 2))
        above = scene.add(None, above, position=(0, 2 / (joints - 1) if number else 0, 0), rotation=turn)
        made.append(above)
    return made


def stage() -> mr.Scene:
    """A ground and a sun that casts shadows."""
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.DirectionalLight(direction=(-0.4, -1, -0.3)))
    scene.add(mr.Mesh(mr.plane(20), mr.Standard(color="white")))
    return scene


def baked(geometry: mr.Geometry, joints: list[mr.Node], skin: mr.Skin, weight: float) -> mr.Geometry:
    """The same as plain vertices, posed by the model; normals and tangents too."""
    matrices = np.stack([joint.world_matrix for joint in joints]) @ skin.inverse_bind_matrices
    blend = np.einsum("vk,vkij->vij", geometry.weights.astype(float), matrices[geometry.joints])[:, :3, :3]
    normals = geometry.normals + weight * geometry.morphs[0].normals.astype(float)
    normals = np.einsum("vij,vj->vi", np.linalg.inv(blend).transpose(0, 2, 1), normals)
    tangents = np.einsum("vij,vj->vi", blend, geometry.tangents[:, :3].astype(float))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return mr.Geometry(positions=posed(geometry, matrices, np.array([weight])), normals=normals,
                       tangents=np.concatenate([tangents, geometry.tangents[:, 3:]], axis=1), uv0=geometry.uv0, indices=geometry.indices)


RELIEF = mr.Texture(np.repeat(np.uint8([[[120], [140]], [[140], [120]]]), 4, axis=2) | np.uint8([0, 0, 250, 255]), srgb=False)


@pytest.mark.parametrize("state", ["plain", "ghost", "selected", "glass", "masked", "mirrored"])
def test_every_pass_draws_the_pose_as_if_its_vertices_had_been_placed_by_hand(renderer, state):
    geometry, skin, frames = tube(5), rest(5), []
    material = mr.Standard(color=(0.8, 0.4, 0.3, 0.5 if state == "glass" else 1), roughness=0.5, normal_texture=RELIEF,
                           alpha_mode={"glass": "blend", "masked": "mask"}.get(state, "opaque"))
    for live in (True, False):
        scene = stage()
        joints = chain(scene, 5, 0.25, scene.add(None, position=(0.5, 0.1, 0)))
        scene.update()
        turned = (-1, 1, 1) if state == "mirrored" else (1, 1, 1)
        if live:  # a skinned node's own place counts for nothing, but for the sides of a mirrored one
            node = scene.add(mr.Mesh(geometry, material, weights=[0.4]), position=(5, 5, 5), scale=turned)
            scene.bind(node, skin, joints)
        else:
            hand = baked(geometry, joints, skin, 0.4)
            if state == "mirrored":
                flip = np.array(turned, np.float32)
                hand = mr.Geometry(positions=hand.positions * flip, normals=hand.normals * flip, uv0=hand.uv0, indices=hand.indices,
                                   tangents=hand.tangents * (-1, 1, 1, -1))
            node = scene.add(mr.Mesh(hand, material), scale=turned)
        if state in ("ghost", "selected"):
            scene.set_state(node, **{state: True})
        frame = renderer.render(scene, CAMERA, outputs=("color", "depth", "ids"))
        frames.append((frame.color.astype(int), frame.depth, frame.ids == node.id))
    (color, depth, drawn), (color2, depth2, drawn2) = frames
    assert (drawn2.sum() > 700) == (state != "ghost") and (drawn != drawn2).sum() <= 6  # ghosts have no id
    both = drawn & drawn2
    np.testing.assert_allclose(depth[both], depth2[both], atol=2e-5)
    difference = np.abs(color - color2).max(axis=2)
    assert (difference > 3).sum() <= 12, (difference > 3).sum()
    node.remove()
    assert (np.abs(color2 - renderer.render(scene, CAMERA).color.astype(int)).max(axis=2) > 8).sum() > 500


def feedback(device, scene: mr.Scene, renderer: mr.Renderer) -> np.ndarray:
    """What the vertex path makes of the vertices of the first posed draw, in float32 relative to the eye at the origin, (n, 3)."""
    renderer.render(scene, mr.PerspectiveCamera().look_at((0, 0, 0), (0, 0, -1)))
    pools = ResourcePools.of(device)
    mirror, store = pools.mirror(scene), scene.store
    slot = store.slot_geometry.tolist().index(next(k for k, each in enumerate(scene.geometry_list) if each.joints is not None))
    geometry = scene.geometry_list[store.slot_geometry[slot]]
    key = class_key(ProgramKey("depth", many_anchors=store.anchor_count > 1), "unlit", 0, geometry.geometry_key)
    text = Composer().compose("geometry/mesh.vert.glsl", defines(key)).text.replace("void main() {", "out vec3 o_place;\nvoid main() {")
    text = text.replace("    gl_Position = view.view_projection", "    o_place = position;\n    gl_Position = view.view_projection")
    program = device.ctx.program(vertex_shader=text, varyings=["o_place"])
    attributes = layout_attributes(geometry.geometry_key & 0xFFFF)
    content = [(pools.geometry.arena(geometry.geometry_key & 0xFFFF).buffer.buffer, " ".join(a.format for a in attributes),
                *(a.shader for a in attributes))]
    content += [(mirror._rows[0].buffer, "4f4 4f4 4f4/i", "in_row0", "in_row1", "in_row2"), (mirror._rows[1].buffer, "4u4/i", "in_info")]
    array = device.ctx.vertex_array(program, content, skip_errors=True)
    count, base = geometry.vertex_count, int(mirror.ranges[store.slot_geometry[slot], 2])
    out = device.ctx.buffer(reserve=12 * count)
    mirror.bind_deformation()
    device.ctx.enable(moderngl.RASTERIZER_DISCARD)
    assert slot == 0  # its rows are those of instance 0
    array.transform(out, moderngl.POINTS, vertices=count, first=base)
    device.ctx.disable(moderngl.RASTERIZER_DISCARD)
    places = np.frombuffer(out.read(), np.float32).reshape(-1, 3)
    for resource in (array, program, out):
        resource.release()
    return places


@pytest.mark.parametrize(("sets", "morphs"), [(1, 0), (2, 0), (1, 3), (2, 2)])
def test_the_vertex_path_places_vertices_within_1e_5_of_the_float64_model(device, renderer, rng, sets, morphs):
    scene, geometry, skin = mr.Scene(), flesh(rng, 6, vertices=300, sets=sets, morphs=morphs), mr.Skin(affine(rng, 6))
    figure = Figure(scene, rng, mr.Mesh(geometry, mr.Unlit()), skin)
    figure.node.weights = rng.uniform(-1, 1, morphs)
    expected = figure.posed(geometry, skin)
    np.testing.assert_allclose(feedback(device, scene, renderer), expected, atol=1e-5 * (1 + np.abs(expected).max()), rtol=0)


def crowd(count: int, joints: int = 8, spread: float = 0.0) -> tuple[mr.Scene, list[list[mr.Node]]]:
    """Figures on a square grid, one geometry, one skin, each with joints of its own."""
    scene, mesh, skin = mr.Scene(), mr.Mesh(tube(joints), mr.Standard(color="orange"), weights=[0.1]), rest(joints)
    side, chains = int(np.ceil(np.sqrt(count))), []
    for number in range(count):
        root = scene.add(None, position=(number % side * 1.5, 0, -(number // side) * 1.5))
        chains.append(chain(scene, joints, 0.1 + spread * number / count, root))
        scene.bind(scene.add(mesh), skin, chains[-1])
    return scene, chains


def test_a_thousand_figures_are_one_draw_call_and_a_still_frame_uploads_nothing(renderer):
    scene, chains = crowd(1000)
    scene.environment = None
    scene.settle()
    renderer.render(scene)
    frame = renderer.render(scene)
    assert (frame.stats.draw_calls, frame.stats.commands, frame.stats.instances, frame.stats.bytes_uploaded) == (1, 1, 1000, 0)
    chains[500][3].rotation = (0, 0, 0.3, 0.95)
    moved = renderer.render(scene).stats
    assert 0 < moved.bytes_uploaded < 3 * 4096
    assert moved.programs_compiled == 0
    posed_nodes = [node for node in scene.nodes if len(node.weights)]
    scene.store.set_morph_weights([node.id for node in posed_nodes], np.arange(1001), np.linspace(0, 1, 1000))
    assert renderer.render(scene).stats.bytes_uploaded <= 16 * scene.store.row_count(DEFORM) + 8192


def test_rigid_scenes_have_no_buffers_and_no_programs_for_poses(device, renderer):
    scene = stage()
    renderer.render(scene)
    pools = ResourcePools.of(device)
    assert pools.mirror(scene)._deform is None and pools.geometry._morphs is None
    assert all(not key.geometry_class & 0x3E0 for key in pools.programs._programs)


def test_every_byte_of_poses_is_counted_and_given_back(device):
    with mr.Renderer(size=(64, 64), msaa=1, device=device) as renderer:
        renderer.render(mr.Scene())
        before = renderer.memory
        scene = crowd(60)[0]
        renderer.render(scene)
        held = renderer.memory
        assert held.total == sum(device.live_bytes.values())
        assert held.instances - before.instances > 48 * 8 * 60 and held.geometry - before.geometry > 0
        assert scene.memory.poses > 48 * 8 * 60 and scene.memory.total > scene.memory.poses
        scene = None
        gc.collect()
        renderer.render(mr.Scene())
        gc.collect()
        device.drain()
        assert renderer.memory.instances <= before.instances + 3 * 4096


def test_two_devices_see_the_same_poses_after_any_edits(device):
    scene, chains = crowd(12, spread=1.0)
    pictures = []
    with mr.Renderer(size=(96, 96), msaa=1, device=device) as one, mr.Renderer(size=(96, 96), msaa=1, device="software") as two:
        one.render(scene)
        chains[3][2].rotation = (0.5, 0, 0, 0.8)
        two.render(scene)
        chains[4][1].position = (0, 0.9, 0)
        scene.nodes.__iter__().__next__().position = (0.3, 0, 0)
        for made in (one, two, one):
            pictures.append(made.render(scene).color.tobytes())
    with mr.Renderer(size=(96, 96), msaa=1, device="software") as fresh:
        pictures.append(fresh.render(scene).color.tobytes())
    assert len(set(pictures)) == 1


def test_two_morphed_geometries_keep_their_displacements(renderer):
    """Each moves by its own morph into the picture, wherever the arena put it; one that is gone leaves the others alone."""
    scene, box = mr.Scene(), mr.box(0.4)
    moves = [(-1, 0, 0), (0, 1, 0), (1, 0, 0)]
    nodes = [scene.add(mr.Mesh(mr.Geometry(positions=box.positions, normals=box.normals, indices=box.indices,
                                           morphs=[mr.Morph(np.tile(move, (box.vertex_count, 1)))]), mr.Unlit(), weights=[1]))
             for move in moves]
    camera = mr.OrthographicCamera(4).look_at((0, 0, 5), (0, 0, 0))
    for alive in ((0, 1, 2), (1, 2)):
        ids = renderer.render(scene, camera, outputs=("ids",)).ids
        for number in alive:
            x, y, _ = moves[number]
            assert ids[64 - 32 * y, 64 + 32 * x] == nodes[number].id
        if nodes[0].alive:
            nodes[0].remove()


def test_a_pose_that_reaches_into_the_picture_is_drawn_wherever_its_node_is(renderer):
    scene, skin = stage(), rest(5)
    joints = chain(scene, 5, 0.2)
    node = scene.add(mr.Mesh(tube(5), mr.Standard(color="red")), position=(0, 0, 5000))
    scene.bind(node, skin, joints)
    assert (renderer.render(scene, CAMERA, outputs=("color", "ids")).ids == node.id).sum() > 300
    joints[0].position = (0, 0, 5000)
    assert not (renderer.render(scene, CAMERA, outputs=("color", "ids")).ids == node.id).any()


@pytest.mark.parametrize("how", ["cpu", "gpu"])
def test_occlusion_leaves_the_picture_as_it_is_and_a_rest_pose_hides_nothing(device, how):
    pictures = []
    wall = mr.Geometry(positions=[[-4, -3, 0], [4, -3, 0], [4, 5, 0], [-4, 5, 0]], normals=[[0, 0, 1]] * 4, indices=[0, 1, 2, 0, 2, 3],
                       joints=[[0] * 4] * 4, weights=[[1, 0, 0, 0]] * 4)
    for occlusion in (False, how):
        scene = stage()
        joint = scene.add(None, position=(100, 0, 0))
        node = scene.add(mr.Mesh(wall, mr.Standard()), position=(0, 0, 4))  # at rest it would hide everything
        scene.bind(node, mr.Skin(np.eye(4)[None]), [joint])
        for x in range(-3, 4):
            scene.add(mr.Mesh(mr.box(0.5), mr.Standard(color="green")), position=(x, 1, 0))
        with mr.Renderer(size=(96, 96), msaa=1, device=device, occlusion=occlusion) as made:
            for place in ((100, 0, 0), (0, 0, 3), (100, 0, 0)):
                joint.position = place
                for _ in range(2):
                    pictures.append((occlusion, made.render(scene, CAMERA).color.tobytes()))
    half = len(pictures) // 2
    assert [picture for _, picture in pictures[:half]] == [picture for _, picture in pictures[half:]]
    assert len({picture for _, picture in pictures}) == 2
