"""Assembly sequences: tables of steps become clips that are played, scrubbed and mixed; a thousand steps against a plain simulation."""

import numpy as np
import pytest

import metarender as mr
from metarender import AssetError, InvalidInput

HEADER = "part,start,duration,does,x,y,z,easing\n"
EASED = {"linear": lambda t: t, "smooth": lambda t: 3 * t * t - 2 * t**3, "in": lambda t: t * t, "out": lambda t: 2 * t - t * t}


def machine(count=4):
    scene = mr.Scene()
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, 0, 3] = np.arange(count)
    parts = scene.add_parts([mr.box(0.5)], [mr.Standard()], np.zeros(count, int), np.zeros(count, int), matrices,
                            names=[f"part {k}" for k in range(count)])
    return scene, parts


def play(scene, steps):
    clip = mr.procedure(scene, steps)
    scene.play(clip, loop="once")
    return clip


def test_each_thing_that_a_step_does():
    scene, parts = machine()
    clip = play(scene, [mr.Step("part 0", 1, 2, offset=(0, 4, 0), easing="linear"), mr.Step(parts[1], 2, 2, "remove", (0, 0, 3), "in"),
                        mr.Step("part 2", 1, 1, "move", (0, 1, 0)), mr.Step("part 2", 3, 1, "move"), mr.Step("part 2", 5, 1, "ghost"),
                        mr.Step(int(parts.ids[3]), 0.5, 0, "disappear"), mr.Step("part 3", 1.5, 0, "appear"),
                        mr.Step("part 3", 2, 0, "highlight"), mr.Step("part 2", 5.5, 1, "ghost")])
    assert clip.duration == 6.5 and clip.name == "procedure"
    seen = {}
    for seconds in (0, 0.75, 1, 2, 3, 4, 5.25, 6.25, 7):
        scene.at(seconds)
        positions = np.array([node.position for node in parts])
        seen[seconds] = positions - [[k, 0, 0] for k in range(4)], parts.visible.tolist(), (parts.state["flags"] != 0).tolist()
    offsets = {seconds: row[0] for seconds, row in seen.items()}
    assert [row[0].tolist()[1] for row in offsets.values()] == [4, 4, 4, 2, 0, 0, 0, 0, 0]
    assert [row[1].tolist()[2] for row in offsets.values()] == [0, 0, 0, 0, 0.75, 3, 3, 3, 3]
    assert [row[2].tolist()[1] for row in offsets.values()] == [0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert [row[1] for row in seen.values()] == [
        [False, True, True, True], [False, True, True, False], [True, True, True, False], [True, True, True, True],
        [True, True, True, True], *[[True, False, True, True]] * 4]
    assert [row[2] for row in seen.values()] == [[False] * 4] * 3 + [[False, False, False, True]] * 3 + [[False, False, True, True]] * 2 + [
        [False, False, False, True]]


def test_a_step_without_duration_happens_at_once():
    scene, parts = machine(2)
    play(scene, [mr.Step("part 0", 0, 0, "move", (0, 1, 0)), mr.Step("part 0", 2, 0, "move", (0, 5, 0)), mr.Step("part 1", 1e9, 0, "move")])
    seen = []
    for seconds in (0, 1.999, 2, 3):
        scene.at(seconds)
        seen.append(parts[0].position[1])
    assert seen == [1, 1, 5, 5]


@pytest.mark.parametrize("easing", EASED)
def test_easings_and_turns(easing):
    scene, parts = machine(1)
    begin, end = np.eye(4), np.eye(4)
    begin[:3, :3], begin[:3, 3], end[:3, 3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], (0, 2, 0), (0, 0, 2)
    play(scene, [mr.Step("part 0", 1, 4, "move", from_matrix=begin, to_matrix=end, easing=easing)])
    for t in (0, 0.1, 0.25, 0.6, 1):
        scene.at(1 + 4 * t)
        share = EASED[easing](t)
        assert np.allclose(parts[0].position, (0, 2 - 2 * share, 2 * share), atol=1e-12)
        angle = 2 * np.arccos(abs(parts[0].rotation[3]))
        assert angle == pytest.approx(np.pi / 2 * (1 - share), abs=6e-3)
    scene.at(5)
    assert parts[0].rotation.tolist() == [0, 0, 0, 1]


def thousand(scene, parts, rng):
    """A thousand steps in random order: inserts, moves and removals, one after the other for each part."""
    steps = []
    for k, node in enumerate(parts):
        start = float(rng.uniform(0, 20))
        easing = str(rng.choice(list(EASED)))
        steps.append(mr.Step(f"part {k}", start, float(rng.uniform(0, 2)), "insert", tuple(rng.normal(size=3)), easing))
        for does in ("move", "move", "remove"):
            start = steps[-1].start + steps[-1].duration + float(rng.choice([0, 0, 1.5]))
            steps.append(mr.Step(node, start, float(rng.uniform(0, 2)), does, tuple(rng.normal(size=3)), str(rng.choice(list(EASED)))))
    return steps


def simulated(steps_of_part, place, seconds):
    """Position and visibility of a part at a time, step by step."""
    at, shown = None, False
    for step in steps_of_part:
        begin = at if at is not None and step.does != "insert" else place + (step.offset if step.does == "insert" else 0)
        end = place if step.does == "insert" else begin + step.offset if step.does == "remove" else place + step.offset
        if at is None:
            at = begin
        if seconds >= step.start:
            share = min((seconds - step.start) / step.duration, 1) if step.duration else 1
            at = begin + EASED[step.easing](share) * (np.asarray(end) - begin)
            shown = step.does != "remove" or share < 1
            if share < 1:
                break
    return at, shown


def test_a_thousand_steps_scrubbed_at_random():
    """Whatever the order of times, every part is where a simulation of its own steps puts it, to the bit the same when asked again."""
    rng = np.random.default_rng(11)
    scene, parts = machine(250)
    steps = thousand(scene, parts, rng)
    clip = play(scene, [steps[k] for k in rng.permutation(len(steps))])
    assert len(steps) == 1000 and len(clip.tracks) == 500
    of_part, seen = [steps[4 * k:4 * k + 4] for k in range(250)], {}
    rest = np.arange(250)[:, None] * [1.0, 0, 0]
    times = rng.uniform(0, clip.duration + 1, 40)
    for seconds in [*times, *rng.permutation(times)]:
        scene.at(float(seconds))
        positions = np.array([node.position for node in parts])
        key = float(seconds)
        assert seen.setdefault(key, positions.tobytes() + parts.visible.tobytes()) == positions.tobytes() + parts.visible.tobytes()
        for k in range(0, 250, 7):
            at, shown = simulated(of_part[k], rest[k], seconds)
            assert np.abs(positions[k] - at).max() < 1e-9 and bool(parts.visible[k]) == shown, (k, seconds)


def test_a_procedure_fades_like_any_clip():
    scene, parts = machine(2)
    first = scene.play(mr.procedure(scene, [mr.Step("part 0", 0, 1, "move", (0, 2, 0), "linear")]), loop="once")
    scene.at(1.0)
    second = first.fade_to(mr.procedure(scene, [mr.Step("part 0", 0, 1, "move", (0, 0, 0), "linear")]), 2.0)
    scene.at(2.0)
    assert second.playing and parts[0].position[1] == pytest.approx(2.0, abs=1e-9)  # read while it was moved: its place was there
    first.stop()
    second.stop()
    scene.at(2.0)
    assert parts[0].position.tolist() == [0, 0, 0]


def test_a_million_parts_move_from_arrays():
    count = 1_000_000
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(0.1), mr.Standard(), count=count)
    keys = np.zeros((3, count, 3), np.float32)
    keys[1, :, 1], keys[2, :, 0] = np.arange(count) % 1000, 4
    keys.flags.writeable = False
    track = mr.Track(parts, "position", [0, 1, 2], keys)
    assert np.shares_memory(track.values, keys)
    scene.play(mr.Clip("wave", [track]), loop="once")
    scene.at(0.5)
    with parts.edit("position") as position:
        assert (position == 0.5 * keys[1]).all()
    scene.at(1.25)
    with parts.edit("position") as position:
        assert (position == 0.75 * keys[1] + 0.25 * keys[2]).all()


def test_tables(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text(HEADER + "part 0, 1, 2, insert, 0, 4, 0, linear\r\n\n\"part 1\",0.5,,,,,,\npart 1,4,0,disappear,,,,\n")
    steps = mr.read_steps(path)
    assert steps == [mr.Step("part 0", 1.0, 2.0, "insert", (0, 4, 0), "linear"), mr.Step("part 1", 0.5),
                     mr.Step("part 1", 4, 0, "disappear")]
    scene, _ = machine(2)
    assert [track.path for track in mr.procedure(scene, path).tracks] == ["visible", "position", "visible", "position"]


@pytest.mark.parametrize(("text", "message"), [
    ("", "needs a header"), ("part,when\n", "needs a header"), ("part,start,start\n", "needs a header"),
    ("part,start\na,b\n", "line 2 has 'b' in the column start, which must be a number"), ("part,start\na\n", "line 2 must have one field"),
    ("part,start\na,1,2\n", "line 2 must have one field"), ("part,start\n,1\n", "part and start filled"),
    ("part,start\n\na,nan\n", "line 3: Step"),
    ("part,start,does\na,1,fly\n", "line 2: Step does='fly' is unknown"), ('part,start\n"a,1\n', "check its quotes"),
    ("part,start,x\na,1,1e999\n", "three finite numbers"), ("part,start,duration\na,1,-1\n", "at least 0"),
])
def test_promise_6_broken_tables(tmp_path, text, message):
    path = tmp_path / "steps.csv"
    path.write_text(text)
    with pytest.raises(AssetError, match=message):
        mr.read_steps(path)


def test_promise_6_files_that_are_no_tables(tmp_path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\0")
    for path in (tmp_path, tmp_path / "none.csv", tmp_path / "binary.csv"):
        with pytest.raises(AssetError, match="cannot be read as a table of steps"):
            mr.read_steps(path)


@pytest.mark.parametrize(("steps", "message"), [
    ([mr.Step("nothing", 0)], "names the part 'nothing'"), ([mr.Step("part 0", 0, 2), mr.Step("part 0", 1)], "follow each other"),
    ([mr.Step(mr.Scene().add(None), 0)], "another scene"), (["part 0"], "takes Step objects"),
])
def test_steps_that_do_not_fit_the_scene(steps, message):
    scene, _ = machine(1)
    with pytest.raises(InvalidInput, match=message):
        mr.procedure(scene, steps)


def test_a_brief_turn_late_on_the_clock_has_room_for_its_keys():
    """At 31 years a tick of float64 is 0.12 us: sixteen keys do not fit into two of them."""
    for start, duration in ((1e9, 1.2e-6), (-1e9, 1.2e-6), (9e8, 2e-6), (1e9, 1e-5)):
        scene = mr.Scene()
        node = scene.add(None)
        turned = np.diag([-1.0, -1.0, 1.0, 1.0])
        play(scene, [mr.Step(node, start, duration, "move", to_matrix=turned)])
        scene.at(max(start + duration + 1, 0.0))
        assert np.allclose(node.matrix, turned)


def test_a_sheared_part_can_be_moved():
    """Only what turns or scales has to be taken apart."""
    scene, matrix = mr.Scene(), np.eye(4)
    matrix[0, 1] = 0.5
    node = scene.add(None, matrix=matrix)
    clip = play(scene, [mr.Step(node, 0, 1, "move", (2, 0, 0), "linear")])
    scene.at(0.5)
    assert [track.path for track in clip.tracks] == ["position"] and node.matrix[0].tolist() == [1, 0.5, 0, 1]
    with pytest.raises(InvalidInput, match="sheared matrix"):
        mr.procedure(scene, [mr.Step(node, 0, 1, "move", to_matrix=np.eye(4))])
