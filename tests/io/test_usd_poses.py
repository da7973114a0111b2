"""USD: figures on skeletons and everything that moves, against what usd-core itself computes."""

import numpy as np
import pytest

import metarender as mr
from metarender.io import AssetWarning, Limits

pytest.importorskip("pxr")
from pxr import Gf, Usd, UsdGeom, UsdSkel

JOINTS = ["hip", "hip/knee", "hip/knee/foot"]


def matrix(*, turn=0.0, axis=(0, 0, 1), move=(0, 0, 0), scale=1.0):
    found = Gf.Matrix4d().SetScale(scale) * Gf.Matrix4d().SetRotate(Gf.Rotation(Gf.Vec3d(*axis), turn))
    return found * Gf.Matrix4d().SetTranslate(Gf.Vec3d(*move))


def figure(stage, *, root="/figure", bend=60.0, joints=JOINTS, mesh_joints=None, influences=2, growing=True, guide=False):
    """A tube of a leg below a moved and turned root: 24 points that follow two joints each, an animation of three of four samples."""
    UsdSkel.Root.Define(stage, root)
    UsdGeom.Xformable(stage.GetPrimAtPath(root)).AddTransformOp().Set(matrix(turn=35, axis=(1, 2, 0), move=(3, 1, -2), scale=1.5))
    skeleton = UsdSkel.Skeleton.Define(stage, f"{root}/rig")
    UsdGeom.Xformable(skeleton.GetPrim()).AddTransformOp().Set(matrix(move=(0, 0.5, 0), turn=10))
    local = [matrix(), *[matrix(move=(0, -1, 0), turn=5) for _ in joints[1:]]]
    world = np.array(local[0])
    binds = [Gf.Matrix4d(world)]
    for found in local[1:]:
        binds.append(found * binds[-1])
    if guide:
        skeleton.CreatePurposeAttr("guide")
    skeleton.CreateJointsAttr(joints)
    skeleton.CreateBindTransformsAttr(binds)
    skeleton.CreateRestTransformsAttr(local)
    moving = UsdSkel.Animation.Define(stage, f"{root}/walk")
    moving.CreateJointsAttr(joints[::-1])
    for time, share in ((10, 0.0), (14, 1.0), (22, -0.5), (30, 0.25)):
        moving.CreateTranslationsAttr().Set([Gf.Vec3f(0, -1 - 0.1 * share, 0)] * (len(joints) - 1) + [Gf.Vec3f(0.2 * share, 0, 0)], time)
        turn = Gf.Quatf(Gf.Rotation(Gf.Vec3d(1, 0, 0.3), bend * share).GetQuat())
        moving.CreateRotationsAttr().Set([turn] * len(joints), time)
        moving.CreateScalesAttr().Set([Gf.Vec3h(1, 1 + 0.2 * share if growing else 1.25, 1)] * len(joints), time)
    rig = UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    rig.CreateAnimationSourceRel().SetTargets([moving.GetPath()])
    mesh = UsdGeom.Mesh.Define(stage, f"{root}/skin")
    UsdGeom.Xformable(mesh.GetPrim()).AddTranslateOp().Set(Gf.Vec3d(9, 9, 9))  # of no meaning: the figure is where its joints are
    rows = [(np.cos(a) * 0.2, -0.25 * k, np.sin(a) * 0.2) for k in range(8) for a in (0, 2.1, 4.2)]
    mesh.CreatePointsAttr([Gf.Vec3f(*map(float, row)) for row in rows])
    faces = [(3 * k + i, 3 * k + (i + 1) % 3, 3 * k + 3 + (i + 1) % 3, 3 * k + 3 + i) for k in range(7) for i in range(3)]
    mesh.CreateFaceVertexCountsAttr([4] * len(faces))
    mesh.CreateFaceVertexIndicesAttr([corner for face in faces for corner in face])
    mesh.CreateSubdivisionSchemeAttr("none")
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateGeomBindTransformAttr(matrix(move=(0, 0.1, 0), turn=3))
    share = np.linspace(0, 1, len(rows)).astype(np.float32)
    pairs = np.stack([np.minimum((share * 2.99).astype(int), 1), np.minimum((share * 2.99).astype(int), 1) + 1], axis=1)
    binding.CreateJointIndicesPrimvar(False, influences).Set(np.resize(pairs, (len(rows), influences)).ravel().tolist())
    weights = np.resize(np.stack([1 - share, share], axis=1), (len(rows), influences)) / (influences / 2)
    binding.CreateJointWeightsPrimvar(False, influences).Set(weights.ravel().tolist())
    if mesh_joints is not None:
        binding.CreateJointsAttr(mesh_joints)
    return mesh


def stage_at(path, **head):
    stage = Usd.Stage.CreateNew(str(path))
    stage.SetTimeCodesPerSecond(head.get("rate", 4.0))
    UsdGeom.SetStageUpAxis(stage, head.get("up", "Y"))
    UsdGeom.SetStageMetersPerUnit(stage, head.get("unit", 1.0))
    return stage


def posed(scene, node):
    """World positions of the vertices of a skinned node, in float64, from its joints as they stand."""
    geometry = node.mesh.primitives[0][0]
    joints = scene.store.world_matrices(np.array(node.joints)) @ node.skin.inverse_bind_matrices
    points = np.concatenate([geometry.positions, np.ones((geometry.vertex_count, 1))], axis=1)
    each = np.einsum("njab,nb->nja", joints[geometry.joints], points)
    return np.einsum("nj,nja->na", geometry.weights, each)[:, :3]


def expected(stage, mesh, time):
    """World positions by usd-core, in metres with +Y up."""
    cache = UsdSkel.Cache()
    root = UsdSkel.Root.Find(mesh.GetPrim())
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkinningQuery(mesh.GetPrim())
    skeleton = cache.GetSkelQuery(UsdSkel.BindingAPI(mesh.GetPrim()).GetInheritedSkeleton())
    transforms = skeleton.ComputeSkinningTransforms(time)
    points = mesh.GetPointsAttr().Get()
    assert query.ComputeSkinnedPoints(transforms, points, time)
    place = np.array(UsdGeom.XformCache(time).GetLocalToWorldTransform(skeleton.GetPrim()))
    found = np.array(points, np.float64) @ place[:3, :3] + place[3, :3]
    found = found * UsdGeom.GetStageMetersPerUnit(stage)
    return found if UsdGeom.GetStageUpAxis(stage) == "Y" else found[:, [0, 2, 1]] * (1, 1, -1)


@pytest.mark.parametrize("head", [{}, {"up": "Z", "unit": 0.01, "rate": 24.0}])
@pytest.mark.parametrize("how", [{}, {"growing": False, "guide": True}, {"mesh_joints": JOINTS[::-1]}, {"influences": 6}])
def test_figures_stand_as_the_library_skins_them_at_any_time(tmp_path, head, how):
    stage = stage_at(tmp_path / "a.usda", **head)
    mesh = figure(stage, **how)
    stage.Save()
    scene = mr.load(tmp_path / "a.usda")
    (node,) = [node for node in scene.nodes if node.mesh is not None]
    scene.play(scene.clips[0], loop="once")
    assert scene.clips[0].name == "a" and scene.clips[0].duration == pytest.approx(20 / head.get("rate", 4.0))
    moved = []
    # The library rounds scales to half precision between samples.
    for time in (10.0, 14.0, 22.0, 30.0) if how.get("growing", True) else (10.0, 12.0, 14.0, 19.0, 22.0, 29.5, 30.0):
        scene.at((time - 10.0) / head.get("rate", 4.0))
        scene.update()
        ours, theirs = posed(scene, node), expected(stage, mesh, time)
        apart = np.linalg.norm(ours[:, None] - theirs[None], axis=2)  # ours are in another order
        assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 1e-5 * np.ptp(theirs, axis=0).max() + 1e-6 * np.abs(theirs).max()
        moved.append(ours)
    assert np.abs(moved[1] - moved[0]).max() > 0.01 * np.ptp(moved[0], axis=0).max()


def test_a_turntable_turns_round_and_a_lamp_blinks(tmp_path):
    """Two keys of an angle are a whole turn, not none."""
    stage = stage_at(tmp_path / "a.usda", rate=2.0)
    disc = UsdGeom.Xform.Define(stage, "/disc")
    disc.AddTranslateOp().Set(Gf.Vec3d(1, 2, 3))
    turn = disc.AddRotateYOp()
    turn.Set(0.0, 1.0)
    turn.Set(720.0, 9.0)
    triangle = UsdGeom.Mesh.Define(stage, "/disc/part")
    triangle.CreatePointsAttr([(1, 0, 0), (2, 0, 0), (1, 1, 0)])
    triangle.CreateFaceVertexCountsAttr([3])
    triangle.CreateFaceVertexIndicesAttr([0, 1, 2])
    triangle.CreateSubdivisionSchemeAttr("none")
    for time, value in ((1.0, "inherited"), (5.0, "invisible"), (7.0, "inherited")):
        triangle.CreateVisibilityAttr().Set(value, time)
    lost = UsdGeom.Xform.Define(stage, "/nothing").AddTranslateOp()
    for time in (0.5, 20.0):
        lost.Set(Gf.Vec3d(time, 0, 0), time)
    stage.Save()
    scene = mr.load(tmp_path / "a.usda")
    nodes = {node.name: node for node in scene.nodes}
    assert set(nodes) == {"disc", "part"}
    (clip,) = scene.clips
    assert sorted(track.path for track in clip.tracks) == ["rotation", "visible"] and clip.duration == 4.0
    scene.play(clip, loop="once")
    for time in np.linspace(1.0, 9.0, 23):
        scene.at((time - 1.0) / 2.0)
        there = np.array(UsdGeom.XformCache(float(time)).GetLocalToWorldTransform(stage.GetPrimAtPath("/disc"))).T
        np.testing.assert_allclose(nodes["disc"].world_matrix, there, atol=2e-6)
        assert nodes["part"].visible == (not 5.0 <= time < 7.0)


def test_what_stands_still_here_is_told(tmp_path):
    stage = stage_at(tmp_path / "a.usda")
    mesh = figure(stage)
    sheared = UsdGeom.Xformable(mesh.GetPrim().GetParent()).GetOrderedXformOps()[0]
    for time in (0.0, 5.0):
        sheared.Set(Gf.Matrix4d(1, 0, 0, 0, 0.5 + time, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1), time)
    mesh.GetPointsAttr().Set(mesh.GetPointsAttr().Get(), 1.0)
    mesh.GetPointsAttr().Set([Gf.Vec3f(0, 0, 0)] * 24, 2.0)
    stage.Save()
    with pytest.warns(AssetWarning, match="points that move over time") as caught:
        mr.load(tmp_path / "a.usda")
    assert "animated transforms that are no position, rotation and scale" in str(caught[0].message)


@pytest.mark.parametrize(("break_it", "message"), [
    (lambda mesh: UsdSkel.BindingAPI(mesh.GetPrim()).GetJointIndicesPrimvar().Set([7] * 48), "follows a joint past its 3"),
    (lambda mesh: UsdSkel.BindingAPI(mesh.GetPrim()).GetJointIndicesPrimvar().Set([-1] * 48), "follows a joint past its 3"),
    (lambda mesh: UsdSkel.BindingAPI(mesh.GetPrim()).GetJointWeightsPrimvar().Set([-1.0] * 48), "negative or not finite"),
    (lambda mesh: UsdSkel.BindingAPI(mesh.GetPrim()).GetJointWeightsPrimvar().Set([float("nan")] * 48), "negative or not finite"),
    (lambda mesh: UsdSkel.BindingAPI(mesh.GetPrim()).GetJointIndicesPrimvar().Set([0] * 47), "do not fit its 24 points"),
    (lambda mesh: UsdSkel.BindingAPI(mesh.GetPrim()).CreateJointsAttr(["hip", "tail"]), "joint 'tail', which its skeleton does not have"),
    (lambda mesh: UsdSkel.BindingAPI(mesh.GetPrim()).CreateGeomBindTransformAttr(Gf.Matrix4d(float("nan"))), "finite"),
])  # fmt: skip
def test_promise_6_figures_that_do_not_fit_are_refused(tmp_path, break_it, message):
    stage = stage_at(tmp_path / "a.usda")
    break_it(figure(stage))
    stage.Save()
    with pytest.raises(mr.AssetError, match=message):
        mr.load(tmp_path / "a.usda")


def test_instances_share_vertices_only_where_they_follow_the_same_joints(tmp_path):
    """One prototype below two skeletons, one of them with a joint less, and below none."""
    stage = stage_at(tmp_path / "a.usda")
    figure(stage)
    figure(stage, root="/other")
    figure(stage, root="/short", joints=JOINTS[:2])
    shape = stage.GetPrimAtPath("/figure/skin")
    proto = stage.CreateClassPrim("/proto")
    from pxr import Sdf

    Sdf.CopySpec(stage.GetRootLayer(), shape.GetPath(), stage.GetRootLayer(), proto.GetPath().AppendChild("skin"))
    skin = stage.GetPrimAtPath("/proto/skin")
    skin.RemoveProperty("skel:skeleton")
    UsdSkel.BindingAPI(skin).GetJointIndicesPrimvar().Set([0, 1] * 24)
    for root, name in (("/figure", "a"), ("/other", "b"), ("/short", "c"), ("", "d")):
        stage.RemovePrim(f"{root}/skin")
        instance = stage.DefinePrim(f"{root}/{name}", "Xform")
        instance.GetInherits().AddInherit("/proto")
        instance.SetInstanceable(True)
        if root:
            UsdSkel.BindingAPI.Apply(instance).CreateSkeletonRel().SetTargets([f"{root}/rig"])
    stage.Save()
    scene = mr.load(tmp_path / "a.usda")
    drawn = [node for node in scene.nodes if node.mesh is not None]
    assert [len(node.joints) for node in drawn] == [3, 3, 2, 0]
    meshes = [node.mesh for node in drawn]
    assert meshes[0] is meshes[1] and len(set(map(id, meshes))) == 3


@pytest.mark.parametrize("time", [10.0, 22.0])
def test_promise_6_animations_that_do_not_fit_are_refused(tmp_path, time):
    stage = stage_at(tmp_path / "a.usda")
    figure(stage)
    UsdSkel.Animation(stage.GetPrimAtPath("/figure/walk")).GetRotationsAttr().Set([Gf.Quatf(1)], time)
    stage.Save()
    with pytest.raises(mr.AssetError, match="another number of values than of joints"):
        mr.load(tmp_path / "a.usda")


def test_promise_6_a_rigid_mesh_is_refused_before_its_joints_are_repeated_for_each_point(tmp_path, monkeypatch):
    stage = stage_at(tmp_path / "a.usda")
    mesh = figure(stage)
    binding = UsdSkel.BindingAPI(mesh.GetPrim())
    binding.CreateJointIndicesPrimvar(True, 20_000).Set([0] * 20_000)
    binding.CreateJointWeightsPrimvar(True, 20_000).Set([1.0] * 20_000)
    mesh.GetPointsAttr().Set([Gf.Vec3f(k, k % 2, 0) for k in range(20_000)])
    stage.Save()
    monkeypatch.setattr(UsdSkel.SkinningQuery, "ComputeVaryingJointInfluences", lambda *_: pytest.fail("eight gigabytes were made"))
    with pytest.raises(mr.AssetError, match="needs 3,200,480,000 bytes") as caught:
        mr.load(tmp_path / "a.usda")
    assert caught.value.code == "LIMIT_EXCEEDED"


def test_promise_6_joints_count_for_each_mesh_that_hangs_on_them(tmp_path):
    stage = stage_at(tmp_path / "a.usda")
    figure(stage, joints=["hip", *(f"hip/{k}" for k in range(999))])
    stage.Save()
    mr.load(tmp_path / "a.usda")
    with pytest.raises(mr.AssetError, match="needs 300,000 bytes"):
        mr.load(tmp_path / "a.usda", limits=Limits(total_bytes=(tmp_path / "a.usda").stat().st_size + 250_000))


def test_promise_6_all_joints_of_an_animation_count_also_those_that_no_skeleton_has(tmp_path):
    stage = stage_at(tmp_path / "a.usda")
    figure(stage)
    walk = UsdSkel.Animation(stage.GetPrimAtPath("/figure/walk"))
    walk.CreateJointsAttr([*JOINTS, *map(str, range(997))])
    attributes = walk.GetTranslationsAttr(), walk.GetRotationsAttr(), walk.GetScalesAttr()
    for attribute, value in zip(attributes, (Gf.Vec3f(0), Gf.Quatf(1), Gf.Vec3h(1)), strict=True):
        attribute.Clear()
        attribute.Set([value] * 1000, 0.0)
        attribute.Set([value] * 1000, 9.0)
    stage.Save()
    mr.load(tmp_path / "a.usda")
    with pytest.raises(mr.AssetError, match="animation of a skeleton needs 160,000 bytes"):
        mr.load(tmp_path / "a.usda", limits=Limits(total_bytes=(tmp_path / "a.usda").stat().st_size + 100_000))


def test_figures_in_prototypes_stand_still_and_are_told(tmp_path):
    stage = stage_at(tmp_path / "a.usda")
    instancer = UsdGeom.PointInstancer.Define(stage, "/crowd")
    figure(stage, root="/crowd/figure")
    instancer.CreatePrototypesRel().SetTargets(["/crowd/figure"])
    instancer.CreateProtoIndicesAttr([0, 0])
    instancer.CreatePositionsAttr([Gf.Vec3f(0), Gf.Vec3f(5, 0, 0)])
    stage.Save()
    with pytest.warns(AssetWarning, match="skeletons within prototypes of instancers"):
        scene = mr.load(tmp_path / "a.usda")
    assert not scene.clips and all(node.skin is None for node in scene.nodes)


def moving(path, **samples):
    """A stage of one triangle; `samples` are an attribute of its transform, (time, value) each."""
    stage = stage_at(path)
    mesh = UsdGeom.Mesh.Define(stage, "/part")
    mesh.CreatePointsAttr([Gf.Vec3f(0, 0, 0), Gf.Vec3f(1, 0, 0), Gf.Vec3f(0, 1, 0)])
    mesh.CreateFaceVertexCountsAttr([3])
    mesh.CreateFaceVertexIndicesAttr([0, 1, 2])
    mesh.CreateSubdivisionSchemeAttr("none")
    for name, pairs in samples.items():
        op = getattr(UsdGeom.Xformable(mesh.GetPrim()), name)()
        for time, value in pairs:
            op.GetAttr().Set(value, time)
    stage.Save()
    return path


def test_promise_6_turns_without_end_are_counted_before_they_are_cut(tmp_path):
    path = moving(tmp_path / "a.usda", AddRotateXOp=[(k, 20_000.0 * (k % 2)) for k in range(300)])
    with pytest.raises(mr.AssetError, match="The samples of a turn needs 59,8"):
        mr.load(path, limits=Limits(total_bytes=10_000_000))


def test_promise_6_samples_past_float32_are_refused(tmp_path):
    path = moving(tmp_path / "a.usda", AddTranslateOp=[(0, Gf.Vec3d(0)), (1, Gf.Vec3d(1e300, 0, 0))])
    with pytest.raises(mr.AssetError, match=r"a position over time that is beyond 3.4e\+38"):
        mr.load(path)


def test_a_blocked_sample_of_a_turn_is_the_rest(tmp_path):
    from pxr import Sdf

    path = moving(tmp_path / "a.usda", AddRotateXYZOp=[(0, Sdf.ValueBlock()), (4, Gf.Vec3f(0, 0, 90))])
    (track,) = mr.load(path).clips[0].tracks
    assert np.allclose(track.values[:, 0], [[0, 0, 0, 1], [0, 0, np.sqrt(0.5), np.sqrt(0.5)]], atol=1e-6)


def test_a_figure_is_drawn_and_comes_back_from_gltf(tmp_path, renderer):
    stage = stage_at(tmp_path / "a.usda")
    figure(stage)
    stage.Save()
    scene = mr.load(tmp_path / "a.usda")
    mr.save(scene, tmp_path / "a.glb")
    again = mr.load(tmp_path / "a.glb")
    pictures = []
    for found in (scene, again):
        found.play(found.clips[0])
        found.at(1.0)
        pictures.append(renderer.render(found).color)
    assert np.array_equal(*pictures) and (pictures[0][..., 3] == 255).any()
