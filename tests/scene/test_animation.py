"""Clips that play: every mode against a slow float64 model, time in any order, rest values, fades, copies and removals."""

import gc
import sys
import threading
import weakref
from fractions import Fraction
from itertools import pairwise

import animation_model as model
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metarender as mr
from metarender import InvalidInput, ReleasedError

MODEL_PATHS = {"position": 3, "rotation": 4, "scale": 3}


def door():
    """A node with a clip of two seconds, 0 to 2 m along x."""
    scene = mr.Scene()
    node = scene.add(None, position=(5, 6, 7), name="door")
    clip = scene.add_clip(mr.Clip("open", [mr.Track(node, "position", [0, 2], [[0, 0, 0], [2, 0, 0]])]))
    return scene, node, clip


def random_track(rng, node, path, interpolation, single):
    keys = int(rng.integers(1 if interpolation != "cubic" else 2, 6))
    times = np.sort(rng.choice(np.arange(1, 60), keys, replace=False)) / 16.0
    width = MODEL_PATHS[path]
    shape = (keys, 3, width) if interpolation == "cubic" else (keys, width)
    values = rng.normal(size=shape)
    if path == "rotation":
        main = values[:, 1] if interpolation == "cubic" else values
        main /= np.linalg.norm(main, axis=-1, keepdims=True)
    return mr.Track(node, path, times, values.astype(np.float32 if single else np.float64), interpolation)


def read(node, path):
    return np.array(getattr(node, path))


def apart(path, a, b):
    """Largest difference; of quaternions up to sign."""
    return min(np.abs(a - b).max(), np.abs(a + b).max()) if path == "rotation" else np.abs(a - b).max()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), actions=st.integers(1, 4))
def test_random_clips_match_the_float64_model(seed, actions):
    """Any interpolation, path, loop mode, speed, weight, start and fade, additive or not, mixed; at times in random order."""
    rng = np.random.default_rng(seed)
    scene = mr.Scene()
    nodes = [scene.add(None, position=rng.normal(size=3), rotation=model.unit(rng.normal(size=4)), scale=rng.uniform(0.5, 2, 3))
             for _ in range(3)]
    rest = {(k, path): read(node, path) for k, node in enumerate(nodes) for path in MODEL_PATHS}
    plays = []
    for _ in range(actions):
        tracks, seen = [], {}
        for _ in range(int(rng.integers(1, 5))):
            which, path = int(rng.integers(3)), str(rng.choice(list(MODEL_PATHS)))
            if (which, path) not in seen:
                track = random_track(rng, nodes[which], path, str(rng.choice(["step", "linear", "cubic"])), bool(rng.integers(2)))
                seen[which, path] = track
                tracks.append(track)
        clip = mr.Clip("clip", tracks, duration=None if rng.integers(2) else float(rng.uniform(0, 4)))
        how = {"weight": float(rng.uniform(0, 1)), "speed": float(rng.choice([1, -1, 0.3, -2.5, 0])), "loop": str(rng.choice(
            ["once", "repeat", "pingpong"])), "start": float(rng.choice([0, 0.75, -2])), "additive": bool(rng.integers(2)),
            "fade_in": float(rng.choice([0, 0.5]))}
        scene.play(clip, **how)
        plays.append((clip, seen, how))
    for seconds in rng.permutation(np.concatenate([rng.uniform(-1, 9, 6), [0.0, 0.75, 2.0]])).tolist():
        scene.at(seconds)
        for (which, path), at_rest in rest.items():
            layers, added = [], []
            for clip, seen, how in plays:
                track = seen.get((which, path))
                since = seconds - how["start"]
                if track is None or since < 0:
                    continue
                weight = how["weight"] * (min(since / how["fade_in"], 1) if how["fade_in"] else 1)
                time = model.clip_time(seconds, how["start"], how["speed"], clip.duration, how["loop"])
                value, first = (model.sample(track.times, track.values, track.interpolation, t, path == "rotation") for t in (time, 0.0))
                if weight > 0:
                    (added if how["additive"] else layers).append((value, first, weight) if how["additive"] else (value, weight))
            expected = model.mix(at_rest, layers, added, path == "rotation")
            assert apart(path, read(nodes[which], path), expected) < 1e-5, (path, seconds)


def bits(scene):
    rows = [np.concatenate([node.position, node.rotation, node.scale]) for node in scene.nodes]
    return np.array(rows).tobytes()


def test_the_same_seconds_make_the_same_bits_whatever_was_before():
    rng = np.random.default_rng(3)
    scene = mr.Scene()
    nodes = [scene.add(None) for _ in range(20)]
    for k in range(5):
        ways = zip(nodes, list(MODEL_PATHS) * 7, ["step", "linear", "cubic"] * 7, strict=False)
        tracks = [random_track(rng, node, path, kind, True) for node, path, kind in ways]
        scene.play(mr.Clip(str(k), tracks), weight=0.3, speed=(-1) ** k * 0.7, loop=("once", "repeat", "pingpong")[k % 3], additive=k == 4,
                   fade_in=0.5 * (k == 2))
    seconds = np.linspace(-1, 7, 41)
    forward = {}
    for time in seconds.tolist():
        scene.at(time)
        forward[time] = bits(scene)
    assert len(set(forward.values())) > 35
    for time in rng.permutation(np.concatenate([seconds, seconds])).tolist():
        scene.at(time)
        assert bits(scene) == forward[time]


def test_loop_modes_and_speeds():
    scene, node, clip = door()

    def at(seconds, **how):
        action = scene.play(clip, **how)
        scene.at(seconds)
        x = node.position[0]
        action.stop()
        return float(x)

    assert [at(t) for t in (0, 0.5, 1.75, 2, 3.5, -0.5)] == [0, 0.5, 1.75, 0, 1.5, 5]
    assert [at(t, loop="once") for t in (0, 1, 2, 3, 100)] == [0, 1, 2, 2, 2]
    assert [at(t, loop="pingpong") for t in (0.5, 2, 2.5, 3.75, 4.5)] == [0.5, 2, 1.5, 0.25, 0.5]
    assert [at(t, speed=-1, loop="once") for t in (0, 0.5, 3)] == [2, 1.5, 0]
    assert [at(t, speed=-2) for t in (0.25, 1.25)] == [1.5, 1.5]
    assert [at(t, start=10, loop="once") for t in (9, 10, 11)] == [5, 0, 1]
    assert [at(t, speed=0.5, weight=0.5) for t in (0, 2)] == [2.5, 3]


def test_backwards_each_round_begins_with_the_end():
    """A clip that runs backwards is the mirror of one that runs forwards: what shows at a moment is what follows it."""
    scene, node, clip = door()
    action = scene.play(clip, speed=-1)

    def seen(seconds):
        scene.at(seconds)
        return float(node.position[0])

    assert [seen(t) for t in (0, 0.5, 1.5, 2, 2.5, 4, 1e6)] == [2, 1.5, 0.5, 2, 1.5, 2, 2]
    for seam in (2.0, 4.0):
        assert abs(seen(seam) - seen(seam + 1e-9)) < 1e-8 and seen(seam - 1e-9) < 1e-8
    scene.at(2.0)
    action.paused = True  # at the seam
    assert seen(2.0) == seen(5.0) == 2
    action.speed = 1
    assert seen(5.0) == 0
    action.speed, action.paused = -0.0, False
    assert action.speed == 0 and seen(5.0) == seen(6.0) == 0
    action.stop()
    scene.play(clip, speed=-0.0)
    assert seen(0.0) == 0
    scene.actions[0].stop()
    scene.play(clip, speed=-1, loop="pingpong")
    assert [seen(t) for t in (0, 0.5, 2, 2.5, 4)] == [2, 1.5, 0, 0.5, 2]


@pytest.mark.parametrize("loop", ["repeat", "pingpong"])
@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_a_billion_repeats_lose_nothing_but_what_the_clock_loses(loop, speed):
    """The second of the clip is the exact remainder: a quotient that is rounded shows the other end of the clip near a seam."""
    scene = mr.Scene()
    node = scene.add(None)
    duration = 0.1
    scene.play(mr.Clip("tick", [mr.Track(node, "position", [0, duration], [[0, 0, 0], [duration, 0, 0]])]), loop=loop, speed=speed)
    rounds = 10.0 ** np.arange(1, 10)
    seconds = np.concatenate([rounds * duration, np.nextafter(rounds * duration, 0), rounds * duration + 0.03])
    for moment in seconds.tolist():
        scene.at(moment)
        t = Fraction(moment * speed + (duration if speed < 0 else 0))
        period = Fraction(duration) * (1 if loop == "repeat" else 2)
        inside = t % period
        inside = period if inside == 0 and speed < 0 else inside
        assert abs(node.position[0] - float(2 * Fraction(duration) - inside if inside > duration else inside)) < 1e-15, moment


def test_what_no_action_drives_goes_back_to_rest():
    scene, node, clip = door()
    rest = node.position
    action = scene.play(clip)
    scene.at(1.0)
    assert node.position.tolist() == [1, 0, 0]
    second = scene.play(clip, weight=0.5)
    action.stop()
    scene.at(1.0)
    assert np.allclose(node.position, 0.5 * np.array([1, 0, 0]) + 0.5 * rest)
    second.stop()
    assert scene.actions == [] and not second.playing
    scene.at(1.0)
    assert (node.position == rest).all()
    node.position = (1, 1, 1)  # from now on its own
    scene.at(0.5)
    assert node.position.tolist() == [1, 1, 1]
    scene.play(clip, weight=0.0)
    scene.at(0.5)
    assert node.position.tolist() == [1, 1, 1]


def test_pauses_speed_and_jumps_go_on_from_where_the_clip_is():
    scene, node, clip = door()
    action = scene.play(clip, loop="once")
    scene.at(0.5)
    action.paused = True
    scene.at(1.5)
    assert node.position[0] == action.time == 0.5 and action.paused
    action.paused = False
    scene.at(2.0)
    assert node.position[0] == 1.0
    action.speed = -2
    assert action.speed == -2
    scene.at(2.25)
    assert node.position[0] == 0.5
    action.time = 1.5
    scene.at(2.5)
    assert node.position[0] == 1.0


def test_cross_fades_are_continuous_and_can_be_scrubbed():
    scene, node, clip = door()
    still = mr.Clip("still", [mr.Track(node, "position", [0], [[0, 8, 0]])])
    first = scene.play(clip, loop="once")
    scene.at(2.0)
    second = first.fade_to(still, 1.0)
    assert second.clip is still and [action.clip for action in scene.actions] == [clip, still]
    seen = []
    for seconds in (1.0, 2.0, 2.25, 2.5, 3.0, 9.0, 2.25):
        scene.at(seconds)
        seen.append(node.position.tolist())
    assert seen == [[1, 0, 0], [2, 0, 0], [1.5, 2, 0], [1, 4, 0], [0, 8, 0], [0, 8, 0], [1.5, 2, 0]]
    second.fade_to(first, 0.5)  # half-way back: no jump
    scene.at(2.25)
    assert node.position.tolist() == [1.5, 2, 0]
    scene.at(2.75)
    assert node.position.tolist() == [2, 0, 0]
    first.fade_out(1.0)
    scene.at(3.25)
    assert np.allclose(node.position, 0.5 * np.array([2, 0, 0]) + 0.5 * np.array([5, 6, 7]))
    first.fade_in(0.0)
    scene.at(3.25)
    assert node.position.tolist() == [2, 0, 0]


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 3), st.sampled_from([0.0, 0.25, 1.0, 3.0])), min_size=1, max_size=15),
       order=st.randoms())
def test_scrubbing_back_over_fades_shows_what_was_shown(steps, order):
    """Fades of every kind on the way, also while others run and several at one moment; then all that was seen, again in any order."""
    scene = mr.Scene()
    node = scene.add(None, position=(5, 6, 7))
    clips = [mr.Clip(str(k), [mr.Track(node, "position", [0, 1 + k], [[k, 0, 0], [k, k, 1]]), mr.Track(node, "rotation", [0], [unit])])
             for k, unit in enumerate(np.eye(4)[:3] + (0, 0, 0, 1))]
    actions, seen, now = [scene.play(clips[0])], {}, 0.0

    def look(moment):
        scene.at(moment)
        return np.concatenate([node.position, node.rotation])

    for wait, kind, length in steps:
        for moment in (now + wait * 0.5, now + wait):
            seen[moment] = look(moment)
        now += wait
        chosen = actions[len(seen) % len(actions)]
        if kind < 2:
            (chosen.fade_in if kind else chosen.fade_out)(length)
        else:
            actions.append(chosen.fade_to(clips[len(actions) % 3] if kind == 2 else actions[0], length))
        seen[now] = look(now)  # a jump counts from its moment on
    moments = list(seen) * 2
    order.shuffle(moments)
    for moment in moments:
        assert np.abs(look(moment) - seen[moment]).max() < 1e-12  # a ramp is cut in two where another fade begins


def test_fades_at_one_moment_leave_no_trail():
    scene, node, clip = door()
    action = scene.play(clip)
    scene.at(1.0)
    for _ in range(100):
        action.fade_out(0.0)
        action.fade_in(0.5)
    assert len(action._shares) == 3 and node.position[0] == 1
    scene.at(0.75)
    assert node.position[0] == 0.75
    scene.at(1.25)
    assert np.allclose(node.position, 0.5 * np.array([1.25, 0, 0]) + 0.5 * np.array([5, 6, 7]))


def test_what_has_faded_out_is_not_sampled_until_time_goes_back():
    """A thousand cross-fades in a row: one action costs something, or two while they fade."""
    scene, node, clip = door()
    other = mr.Clip("other", [mr.Track(node, "position", [0, 1], np.eye(3)[:2]), mr.Track(node, "rotation", [0], [[0, 0, 0, 1]])])
    action, sampled = scene.play(clip), lambda: scene._player._mixer.sampled
    for k in range(1000):
        scene.at(k)
        action = action.fade_to(clip if k % 2 else other, 0.5)
    scene.at(1000)
    assert len(scene.actions) == 1001 and sampled() == 1
    scene.at(500.25)
    assert sampled() == 3
    scene.at(2.75)
    assert sampled() == 2
    scene.at(-1.0)
    assert sampled() == 0 and node.position.tolist() == [5, 6, 7]


def test_an_additive_layer_adds_what_changed_since_its_first_frame():
    scene, node, clip = door()
    nod = mr.Clip("nod", [mr.Track(node, "position", [0, 2], [[10, 10, 10], [10, 12, 10]]),
                          mr.Track(node, "rotation", [0, 2], [[1, 0, 0, 0], [0, 0, 0, 1]])])
    turned = (0, np.sqrt(0.5), 0, np.sqrt(0.5))
    node.rotation = turned
    scene.play(clip, loop="once")
    scene.play(nod, additive=True, weight=0.5, loop="once")
    scene.at(1.0)
    assert np.allclose(node.position, (1, 0.5, 0))
    half = model.turn(np.array((0.0, 0, 0, 1)), np.array((-np.sqrt(0.5), 0, 0, np.sqrt(0.5))), 0.5)
    assert apart("rotation", node.rotation, model.times_quaternion(turned, half)) < 1e-12


@pytest.mark.parametrize("interpolation", ["step", "linear", "cubic"])
@pytest.mark.parametrize("shared", [False, True])
def test_long_tracks_that_are_written_without_sums_make_the_same_bits(interpolation, shared):
    """Alone, beside an action without weight (which takes the way of sums), mixed, and after a part has gone."""
    rng, count = np.random.default_rng(5), 300
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Standard(), count=count)
    head = (4, 3) if interpolation == "cubic" else (4,)
    values = rng.normal(size=(*head, 3) if shared else (*head, count, 3))
    clip = mr.Clip("wave", [mr.Track(parts, "position", [0, 0.5, 1, 2], values, interpolation)])
    scene.play(clip, loop="once")

    def poses(rows=slice(None)):
        found = []
        for seconds in (0.0, 0.3, 0.77, 1.5, 3.0):
            scene.at(seconds)
            found.append(np.array([node.position for node in parts])[rows])
        return np.array(found)

    alone = poses()
    other = scene.play(clip, weight=0.0, loop="once")
    assert (poses() == alone).all()
    for k, seconds in enumerate((0.0, 0.3, 0.77, 1.5, 3.0)):
        expected = [model.sample([0, 0.5, 1, 2], clip.tracks[0].values, interpolation, seconds, False, row) for row in range(count)]
        assert np.abs(alone[k] - expected).max() < 1e-12
    other.weight = 0.5
    assert np.abs(poses() - alone).max() < 1e-12
    other.stop()
    parts[7].remove()
    assert (poses() == np.delete(alone, 7, axis=1)).all()


def test_visibility_and_the_state_of_parts():
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Standard(), count=4)
    parts.set(parts.ids[:1], color=(1, 2, 3, 4), value=0.25)
    before = parts.state.copy()
    values = np.array([[0, 1, 2, 3], [10, 11, 12, 13]], np.float32)
    tracks = [mr.Track(parts, "visible", [0, 1], np.array([[1, 1, 1, 1], [1, 0, 1, 0]]), "step"), mr.Track(parts, "value", [0, 1], values),
              mr.Track(parts, "color", [0, 1], [[0, 0, 0, 0], [200, 100, 50, 255]]), mr.Track(parts[2], "ghost", [0, 1], [0, 1]),
              mr.Track(parts.ids[1:3], "highlighted", [0], [1]), mr.Track(parts, "selected", [0, 1], [0, 1], "step")]
    action = scene.play(mr.Clip("state", tracks), loop="once")
    scene.at(0.5)
    state = parts.state
    assert parts.visible.all() and state["value"].tolist() == [5, 6, 7, 8] and state["color"][3].tolist() == [100, 50, 25, 128]
    flags = mr.PartState
    lit = flags.VALUE | flags.HIGHLIGHTED
    assert state["flags"].tolist() == [flags.VALUE, lit, lit | flags.GHOST, flags.VALUE]
    scene.at(1.0)
    assert parts.visible.tolist() == [True, False, True, False] and (parts.state["flags"] & flags.SELECTED).all()
    action.stop()
    scene.at(1.0)
    assert parts.visible.all() and (parts.state == before).all()


def test_materials_lights_and_cameras():
    scene = mr.Scene()
    steel = mr.Standard(color=(0.1, 0.2, 0.3, 1.0), roughness=0.5)
    texture = mr.Texture(np.zeros((2, 2, 4), np.uint8), srgb=True)
    steel.color_texture = mr.TextureInfo(texture, offset=(0.5, 0.5))
    scene.add(mr.Mesh(mr.box(1), steel))
    lamp, camera = mr.SpotLight(inner_angle=0.1, outer_angle=0.2), mr.PerspectiveCamera(fov=40)
    scene.add(lamp)
    tracks = [mr.Track(steel, "roughness", [0, 1], [0, 1]), mr.Track(steel, "color", [0, 1], [[0, 0, 0, 1], [1, 1, 1, 0]]),
              mr.Track(steel, "color_texture.offset", [0, 1], [[0, 0], [1, 2]]), mr.Track(lamp, "intensity", [0, 1], [0, 10]),
              mr.Track(lamp, "inner_angle", [0, 1], [0.1, 1.1]), mr.Track(lamp, "outer_angle", [0, 1], [0.2, 1.2]),
              mr.Track(camera, "fov", [0, 1], [20, 60]), mr.Track(camera, "far", [0, 1], [10, 20]), mr.Track(camera, "near", [0], [15])]
    action = scene.play(mr.Clip("all", tracks), loop="once")
    changes = scene.material_changes, scene.light_changes
    scene.at(0.5)
    assert steel.roughness == 0.5 and steel.color == (0.5, 0.5, 0.5, 0.5) and steel.color_texture.offset == (0.5, 1)
    assert lamp.intensity == 5 and np.allclose([lamp.inner_angle, lamp.outer_angle], [0.6, 0.7]) and camera.fov == 40
    assert camera.far == 15 and camera.near == np.nextafter(15, 0)
    assert scene.material_changes > changes[0] and scene.light_changes > changes[1]
    changes = scene.material_changes, scene.light_changes
    scene.at(0.5)
    assert (scene.material_changes, scene.light_changes) == changes  # nothing new, nothing is uploaded
    scene.at(0.0)
    scene.at(1.0)
    assert np.allclose([lamp.inner_angle, lamp.outer_angle], [1.1, 1.2]) and steel.roughness == 1
    action.stop()
    scene.at(1.0)
    assert (steel.roughness, steel.color_texture.offset, lamp.intensity, camera.fov) == (0.5, (0.5, 0.5), 1.0, 40.0)
    assert (lamp.inner_angle, lamp.outer_angle, camera.far, camera.near) == (0.1, 0.2, np.inf, 1e-4)


def test_what_a_cubic_curve_overshoots_is_held_where_the_attribute_ends():
    material = mr.Standard()
    scene = mr.Scene()
    scene.play(mr.Clip("over", [mr.Track(material, "metallic", [0, 1], [[0, 1, 90], [-90, 1, 0]], "cubic")]))
    scene.at(0.5)
    assert material.metallic == 1.0
    node = scene.add(None)
    scene.play(mr.Clip("far", [mr.Track(node, "position", [0, 1], np.array([[[0] * 3, [0] * 3, [3e38] * 3]] * 2), "cubic")]))
    scene.at(0.5)
    assert (node.position == 1e15).all()


def test_removed_nodes_fall_silent():
    scene, node, clip = door()
    other = scene.add(None)
    clip = mr.Clip("both", [*clip.tracks, mr.Track(other, "position", [0, 1], [[0, 0, 0], [1, 1, 1]])])
    scene.play(clip)
    node.remove()
    again = [scene.add(None) for _ in range(3)]  # the index is given out again
    scene.at(0.5)
    assert other.position.tolist() == [0.5] * 3 and all(not node.position.any() for node in again)
    scene.play(clip)
    scene.at(0.75)
    assert other.position.tolist() == [0.75] * 3


def test_a_clip_outlives_the_rows_of_its_nodes():
    """After most nodes have gone the store gives their rows back; what a clip still knows of them lies beyond its arrays."""
    scene = mr.Scene()
    kept, parts = scene.add(None), scene.add_instances(mr.box(1), mr.Standard(), count=20_000)
    scene.play(mr.Clip("all", [mr.Track(parts, "position", [0, 1], np.zeros((2, 3))), mr.Track([kept, parts[19_999]], "scale", [0, 1], [
        [1, 1, 1], [3, 3, 3]])]))
    scene.at(0.25)
    before = scene.memory.total
    parts.remove()
    scene.settle()
    assert scene.memory.total < before - 20_000 * 100
    scene.at(0.5)
    assert kept.scale.tolist() == [2, 2, 2]
    for action in scene.actions:
        action.stop()
    scene.at(0.5)
    assert kept.scale.tolist() == [1, 1, 1]


def test_copies_of_a_scene_play_their_own_clips_and_share_the_arrays():
    figure, node, clip = door()
    scene = mr.Scene()
    groups = [scene.add(figure) for _ in range(5)]
    assert len(scene.clips) == 5 and scene.clips["open"] is scene.clips[0]
    for k, group in enumerate(groups):
        (own,) = scene.clips.of(group)
        assert own.tracks[0].values is clip.tracks[0].values and own is scene.clips[k]
        scene.play(own, start=-0.1 * k)
    scene.at(1.0)
    assert np.allclose([group.children[0].position[0] for group in groups], [1.0, 1.1, 1.2, 1.3, 1.4])
    assert node.position.tolist() == [5, 6, 7]
    with pytest.raises(InvalidInput, match="another scene"):
        scene.play(clip)
    with pytest.raises(InvalidInput, match="another scene"):
        scene.add_clip(clip)
    outer = mr.Scene()
    outer.add(scene)
    outer.play(outer.clips[3])
    outer.at(0.25)
    assert len(outer.clips) == 5 and sum(node.position[0] == 0.25 for node in outer.nodes) == 1


def test_clips_of_figures_that_come_and_go_do_not_pile_up():
    figure, node, _ = door()
    scene = mr.Scene()
    kept = scene.add(figure)
    for _ in range(500):
        scene.add(figure).remove()
    assert len(scene.clips) < 140 and len(scene.clips.of(kept)) == 1 and scene.clips[0] in scene.clips.of(kept)
    node.remove()
    empty = mr.Scene()
    empty.add(figure)
    empty.play(empty.clips[0])
    empty.at(1.0)
    assert empty.clips[0].tracks[0].target.tolist() == [0]


def test_clips_by_number_and_name():
    scene, _, clip = door()
    extra = scene.add_clip(mr.Clip("close", [], duration=3, extras={"a": 1}))
    assert list(scene.clips) == [clip, extra] and scene.clips["close"] is extra is scene.clips[-1] and scene.clips[:1] == [clip]
    assert clip.duration == 2 and extra.duration == 3 and extra.extras == {"a": 1} and clip in scene.clips
    with pytest.raises(KeyError, match="'open', 'close'"):
        scene.clips["run"]
    with pytest.raises(IndexError):
        scene.clips[2]
    assert "2 s, 1 tracks" in repr(clip) and "open" in repr(scene.clips) and "position" in repr(clip.tracks[0])


def test_clips_of_a_node_among_few_targets_and_many():
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(1), mr.Standard(), count=10_001)
    node, other = scene.add(None), scene.add(None)
    many = scene.add_clip(mr.Clip("many", [mr.Track(parts, "visible", [0], [1])]))
    few = scene.add_clip(mr.Clip("few", [mr.Track([node, parts[10_000]], "visible", [0], [1])]))
    scene.add_clip(mr.Clip("none", []))
    assert scene.clips.of(node) == [few] and scene.clips.of(other) == []
    assert scene.clips.of(parts[10_000]) == [many, few] and scene.clips.of(parts[0]) == [many]
    many.duration = 5
    for wrong in (-1, np.nan, "5"):
        with pytest.raises(InvalidInput, match="Clip duration"):
            many.duration = wrong
    assert many.duration == 5.0


def test_a_stopped_action_is_over():
    scene, _, clip = door()
    action, other = scene.play(clip), scene.play(clip)
    action.stop()
    action.stop()
    for use in (lambda: action.weight, lambda: setattr(action, "speed", 2), lambda: action.fade_out(1), lambda: other.fade_to(action, 1)):
        with pytest.raises(ReleasedError, match=r"call scene\.play"):
            use()
    assert repr(action).endswith("stopped>") and scene.actions == [other] and scene.playing
    other.stop()
    assert not scene.playing


def test_arrays_are_kept_where_nothing_writes_to_them_and_copied_otherwise():
    scene = mr.Scene()
    node = scene.add(None)
    values = np.zeros((2, 3), np.float32)
    track = mr.Track(node, "position", [0, 1], values)
    values[:] = 5
    assert not track.values.any() and not track.values.flags.writeable and not track.times.flags.writeable
    frozen = np.zeros((2, 3), np.float32)
    frozen.flags.writeable = False
    assert np.shares_memory(mr.Track(node, "position", [0, 1], frozen).values, frozen)


def test_an_open_scene_refuses_another_thread():
    scene, _, clip = door()
    scene.play(clip)
    caught = []

    def other():
        for use in (lambda: scene.at(1.0), lambda: scene.play(clip)):
            try:
                use()
            except mr.WrongThreadError as error:
                caught.append(error)

    with scene.store:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(caught) == 2
    scene.at(1.0)


def test_nothing_keeps_a_scene_that_played():
    scene, _, clip = door()
    action = scene.play(clip)
    scene.at(1.0)
    gone = weakref.ref(scene.store)
    del scene, _, action
    gc.collect()
    assert gone() is None and clip.tracks[0].target.tolist() == [1]


def calls_of(function):
    """How many Python and C functions a call enters."""
    seen = []
    sys.setprofile(lambda frame, event, argument: seen.append(event) if event in ("call", "c_call") else None)
    try:
        function()
    finally:
        sys.setprofile(None)
    return len(seen)


def test_promise_1_a_figure_costs_no_python():
    """Ten and a thousand figures that play a clip each: the same calls."""
    figure, _, _ = door()
    counts = []
    for figures in (10, 1000):
        scene = mr.Scene()
        for _ in range(figures):
            scene.add(figure)
        for k, clip in enumerate(scene.clips):
            scene.play(clip, start=-0.001 * k)
        scene.at(0.5)
        counts.append(calls_of(lambda scene=scene: scene.playing and scene.at(0.75)))
        assert [node.position[0] for node in scene.nodes if node.name][:2] == [0.75, 0.751]
    assert counts[0] == counts[1] < 20


def test_a_thousand_actions_come_and_go():
    """Channels that nothing drives are given back, and rest values survive it."""
    scene = mr.Scene()
    nodes = [scene.add(None, position=(k, 0, 0)) for k in range(300)]
    clips = [mr.Clip(str(k), [mr.Track(node, "position", [0, 1], [[0, k, 0], [0, k + 1, 0]])]) for k, node in enumerate(nodes)]
    mixer = scene._player._mixer
    kept = scene.play(clips[7])
    for _ in range(4):
        actions = [scene.play(clip) for clip in clips]
        scene.at(0.5)
        assert [node.position[1] for node in nodes] == [k + 0.5 for k in range(300)]
        for action in actions:
            action.stop()
        scene.at(0.5)
        assert all(node.position[0] == k for k, node in enumerate(nodes) if k != 7) and nodes[7].position[1] == 7.5
    scene.at(0.25)
    assert mixer.channels == 1 and mixer.layers <= 2 and kept.playing and scene.actions == [kept]


def test_rows_of_actions_grow_and_shrink_by_halves():
    """Copying all of them for each that comes or goes would make ten thousand cost seconds."""
    scene, node, clip = door()
    rows, seen = lambda: scene._player._rows.__array_interface__["data"][0], []
    actions = []
    for _ in range(2000):
        actions.append(scene.play(clip))
        seen.append(rows())
    for action in actions[:1500]:
        action.stop()
        seen.append(rows())
    assert sum(a != b for a, b in pairwise(seen)) < 20
    assert scene.actions == actions[1500:] and len(scene._player) == 500 and scene._player._mixer.layers < 1000
    for k, action in enumerate(scene.actions):
        action.weight = k / 1000
    assert [action.weight for action in actions[1500:]] == [k / 1000 for k in range(500)]
    for action in scene.actions:
        action.stop()
    scene.at(1.0)
    assert node.position.tolist() == [5, 6, 7] and scene.actions == [] and scene._player._mixer.layers < 2


def morphed(count):
    """A triangle with so many morphs."""
    morphs = [mr.Morph(np.eye(3) * (1 + k)) for k in range(count)]
    return mr.Mesh(mr.Geometry(positions=np.eye(3), morphs=morphs), mr.Unlit())


@pytest.mark.parametrize("before", [0.0, 0.9])
def test_a_part_that_showed_driven_weights_rests_where_those_rest(before):
    """Whatever the time was when its own clip was played: what another action made of the node above is no rest value."""
    scene, mesh = mr.Scene(), morphed(1)
    node = scene.add(mesh)
    (geometry, material), = mesh.primitives
    parts = scene.add_instances(geometry, material, count=2, parent=node)
    node.weights = [0.125]
    scene.play(mr.Clip("all", [mr.Track(node, "weights", [0, 1], [[0], [1]])]), loop="once")
    scene.at(before)
    own = scene.play(mr.Clip("one", [mr.Track(parts[0], "weights", [0], [[5]])]), weight=0.5)
    scene.at(0.25)
    assert [each.weights.tolist() for each in (node, *parts)] == [[0.25], [0.5 * 5 + 0.5 * 0.125], [0.25]]
    own.stop()
    scene.at(0.25)
    assert [each.weights.tolist() for each in (node, *parts)] == [[0.25], [0.125], [0.25]]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_node_with_another_number_of_morphs_is_driven_anew(stopped):
    """The channel of its old weights is still there: at rest, or driven by a clip that fits no longer."""
    scene = mr.Scene()
    node = scene.add(morphed(2))
    action = scene.play(mr.Clip("two", [mr.Track(node, "weights", [0, 1], [[0, 0], [1, 1]])]))
    scene.at(0.5)
    if stopped:
        action.stop()
        scene.at(0.5)
    node.mesh = morphed(3)
    other = scene.play(mr.Clip("three", [mr.Track(node, "weights", [0, 1], [[0, 0, 0], [1, 2, 3]])]))
    scene.at(0.5)
    assert node.weights.tolist() == [0.5, 1.0, 1.5]
    other.stop()
    scene.at(0.5)
    assert node.weights.tolist() == [0, 0, 0]


def test_an_action_that_was_refused_leaves_rest_values_alone():
    """What it would have driven was read before the refusal; edits that come later are at rest all the same."""
    scene, material = mr.Scene(), mr.Unlit(color=(0.1, 0.1, 0.1, 1))
    node, sheared = scene.add(None, position=(1, 0, 0)), scene.add(None)
    matrix = np.eye(4)
    matrix[0, 1] = 0.5
    sheared.matrix = matrix
    tracks = [mr.Track(material, "color", [0], [[1, 1, 1, 1]]), mr.Track(node, "position", [0], [[9, 9, 9]])]
    with pytest.raises(InvalidInput, match="sheared"):
        scene.play(mr.Clip("refused", [*tracks, mr.Track(sheared, "rotation", [0], [[0, 0, 0, 1]])]))
    node.position, material.color = (2, 0, 0), (0.7, 0.7, 0.7, 1)
    scene.at(0)
    assert node.position.tolist() == [2, 0, 0] and material.color == (0.7, 0.7, 0.7, 1)
    action = scene.play(mr.Clip("sound", tracks))
    scene.at(0)
    assert node.position.tolist() == [9, 9, 9] and material.color == (1, 1, 1, 1)
    action.stop()
    scene.at(0)
    assert node.position.tolist() == [2, 0, 0] and material.color == (0.7, 0.7, 0.7, 1)


def test_an_action_that_was_refused_does_not_keep_what_is_on_its_way_to_rest():
    scene, node, clip = door()
    scene.play(clip).stop()
    scene.at(0)
    action = scene.play(clip)
    scene.at(1)
    action.stop()  # the door goes back with the next at()
    sheared = scene.add(None, matrix=[[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(InvalidInput, match="sheared"):
        scene.play(mr.Clip("refused", [*clip.tracks, mr.Track(sheared, "scale", [0], [[1, 1, 1]])]))
    scene.at(1)
    assert node.position.tolist() == [5, 6, 7]


def test_what_plays_is_counted():
    scene = mr.Scene()
    ids = scene.add_many(np.full(1000, -1))
    before = scene.memory.poses
    scene.play(mr.Clip("all", [mr.Track(ids, "position", [0, 1], np.zeros((2, 3)))]))
    assert scene.memory.poses - before > 1000 * 3 * 8


def test_extras_of_a_copied_clip_are_its_own():
    scene, _, clip = door()
    clip.extras["speed"] = 1
    other = mr.Scene()
    other.add(scene)
    other.clips["open"].extras["speed"] = 2
    assert clip.extras == {"speed": 1}
