"""3MF: units, components, transforms, colours and names; zips and XML that would harm."""

import io
import zipfile

import numpy as np
import pytest

import metarender as mr

CUBE = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x in (0, 10) for y in (0, 10) for z in (0, 10))
FACES = ((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3))
TRIANGLES = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in FACES)
MESH = f"<mesh><vertices>{CUBE}</vertices><triangles>{TRIANGLES}</triangles></mesh>"
OBJECT = f'<object id="1" name="cube" type="model">{MESH}</object>'
NS = 'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02" xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02"'

END = "</model>"
PRODUCTION = '<model xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06" '
RELATION = '<Relationship Target="/3D/main.model" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>'


def model(resources, build='<item objectid="1"/>', unit="millimeter"):
    return f'<?xml version="1.0" encoding="UTF-8"?><model unit="{unit}" {NS}><resources>{resources}</resources><build>{build}</build>' + END


@pytest.fixture
def load(tmp_path):
    def load(*parts, raw=None, **options):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in parts:
                name, text = part if isinstance(part, tuple) else ("3D/3dmodel.model", part)
                archive.writestr(name, text)
        (tmp_path / "part.3mf").write_bytes(stream.getvalue() if raw is None else raw)
        return mr.load(tmp_path / "part.3mf", **options)

    return load


def meshes(scene):
    return [node for node in scene.nodes if node.mesh is not None]


@pytest.mark.parametrize(("unit", "metres"), [("millimeter", 1e-3), ("inch", 0.0254), ("meter", 1), ("micron", 1e-6), ("foot", 0.3048)])
def test_units_become_metres_with_y_up(load, unit, metres):
    scene = load(model(OBJECT, '<item objectid="1" transform="1 0 0 0 1 0 0 0 1 0 0 5"/>', unit))
    np.testing.assert_allclose(scene.bounds, np.array([[0, 5, -10], [10, 15, 0]]) * metres, rtol=1e-6)
    assert [node.name for node in meshes(scene)] == ["cube"]


def test_components_share_their_mesh_and_multiply_their_places(load):
    pair = ('<object id="2" name="pair"><components><component objectid="1" transform="2 0 0 0 2 0 0 0 2 0 0 0"/>'
            '<component objectid="1" transform="0 1 0 -1 0 0 0 0 1 100 0 0"/></components></object>')
    build = '<item objectid="2" partnumber="left"/><item objectid="2" transform="1 0 0 0 1 0 0 0 1 0 0 50"/>'
    scene = load(model(OBJECT + pair, build, "meter"))
    found = meshes(scene)
    assert len(found) == 4 and len({id(node.mesh) for node in found}) == 1
    assert [node.parent.name for node in found] == ["left", "left", "pair", "pair"]
    # Row vectors: (x, y, z) of the second component goes to (100 - y, x, z); then +Z up becomes +Y up.
    np.testing.assert_allclose(found[1].bounds, [[90, 0, -10], [100, 10, 0]], atol=1e-5)
    np.testing.assert_allclose(found[2].bounds, [[0, 50, -20], [20, 70, 0]], atol=1e-5)


def test_parts_of_other_files_in_the_package(load):
    outer = model('<object id="8"><components><component p:path="/3D/Objects/a.model" objectid="1"/></components></object>',
                  '<item objectid="8"/>').replace("<model ", PRODUCTION)
    relations = f"<Relationships>{RELATION}</Relationships>"
    scene = load(("_rels/.rels", relations), ("3D/main.model", outer), ("3D/Objects/A.model", model(OBJECT, "")))
    assert len(meshes(scene)) == 1 and scene.bounds.max() == pytest.approx(0.01)


def test_base_materials_and_colour_groups(load):
    resources = ('<basematerials id="5"><base name="grey" displaycolor="#808080"/><base name="glass" displaycolor="#FF000080"/>'
                 '<base name="cad" displaycolor="#00FF0000"/></basematerials><m:colorgroup id="6"><m:color color="#FF0000"/>'
                 '<m:color color="#0000FFFF"/></m:colorgroup>')
    triangles = TRIANGLES.replace('v3="3"/>', 'v3="3" pid="5" p1="1"/>', 1).replace('v3="2"/>', 'v3="2" pid="6" p1="0" p2="1" p3="0"/>', 1)
    triangles = triangles.replace('v3="7"/>', 'v3="7" pid="5" p1="2"/>', 1)
    mesh = f"<mesh><vertices>{CUBE}</vertices><triangles>{triangles}</triangles></mesh>"
    scene = load(model(f'{resources}<object id="1" pid="5" pindex="0">{mesh}</object>'))
    (node,) = meshes(scene)
    found = {m.name: (m.color, m.alpha_mode, g) for g, m in node.mesh.primitives}
    assert set(found) == {"grey", "glass", "cad", ""}
    assert found["glass"][0] == pytest.approx((1, 0, 0, 128 / 255)) and found["glass"][1] == "blend"
    assert found["cad"][0] == pytest.approx((0, 1, 0, 1)) and found["cad"][1] == "opaque"
    np.testing.assert_array_equal(found[""][2].colors, [[1, 0, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1]])
    assert sum(g.index_count for g, _ in node.mesh.primitives) == 36 and found["grey"][2].index_count == 27


def bomb():
    """A megabyte of zip that unpacks to a gigabyte."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("3D/3dmodel.model", "w") as member:
        for _ in range(64):
            member.write(bytes(16 << 20))
    return stream.getvalue()


def nested():
    """Ten objects of ten components each, ten deep: ten thousand million nodes."""
    text = OBJECT
    for k in range(2, 12):
        text += f'<object id="{k}"><components>' + f'<component objectid="{k - 1}"/>' * 10 + "</components></object>"
    return model(text, '<item objectid="11"/>')


ENTITIES = '<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><model>&b;</model>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]><model>&a;</model>'


@pytest.mark.parametrize(("part", "message"), [
    (ENTITIES, "declares a document type"), (OUTSIDE, "declares a document type"), (nested(), "makes more than 10,000 nodes"),
    (model(OBJECT.replace(MESH, '<components><component objectid="1"/></components>')), "contains itself"),
    (model(OBJECT, '<item objectid="7"/>'), "object '7' is used"), (model(OBJECT, ""), "builds nothing"),
    (model(OBJECT).replace("</model>", ""), "not well-formed"), (model(OBJECT, unit="ell"), "unit 'ell' is none of 3MF"),
    (model(OBJECT.replace('x="0"', 'x="nan"', 1)), "not finite"), (model(OBJECT.replace('x="0"', "", 1)), "without numbers"),
    (model(OBJECT.replace('v1="0"', 'v1="8"', 1)), "past its 8"), (model(OBJECT.replace('v1="0"', 'v1="-1"', 1)), "past its 8"),
    (model(OBJECT.replace('v1="0"', 'v1="1.5"', 1)), "something else than whole numbers"),
    (model(OBJECT, '<item objectid="1" transform="1 2"/>'), "twelve finite"),
    (model('<basematerials id="5"><base displaycolor="red"/></basematerials>' + OBJECT.replace('id="1"', 'id="1" pid="5"')), "no colour"),
    (model('<basematerials id="5"/>' + OBJECT.replace('id="1"', 'id="1" pid="5" pindex="3"')), "entry 3 of a property group that has 0"),
    (model(OBJECT.replace('id="1"', 'id="1" pid="5" pindex="x"')), "no index"),
    (model("<a>" * 9000 + "</a>" * 9000, ""), "builds nothing"),
])  # fmt: skip
def test_promise_6_a_harmful_or_broken_model_is_refused(load, part, message):
    with pytest.raises(mr.AssetError, match=message):
        load(part, limits=mr.io.Limits(nodes=10_000))


def test_promise_6_a_zip_bomb_is_refused_before_it_is_unpacked(load):
    with pytest.raises(mr.AssetError, match="LIMIT_EXCEEDED"):
        load(raw=bomb())


def test_promise_6_broken_zips_are_refused(load):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", model(OBJECT))
    data = whole.getvalue()
    for cut in (1, 30, len(data) // 2, len(data) - 1):
        with pytest.raises(mr.AssetError, match="no zip"):
            load(raw=data[:cut])
    flipped = bytearray(data)
    flipped[60] ^= 255
    with pytest.raises(mr.AssetError, match="damaged"):
        load(raw=bytes(flipped))
    with pytest.raises(mr.AssetError, match=r"no part '3D/3dmodel\.model'"):
        load(("readme.txt", "hello"))


def test_a_saved_scene_reads_back_with_instances_names_and_colours(tmp_path):
    scene = mr.Scene()
    blue = mr.Standard(color="blue", name='the "blue" <one>')
    bolt = mr.Mesh(mr.cylinder(0.004, 0.02), blue)
    for k in range(3):
        scene.add(bolt, position=(0.02 * k, 0, 0), rotation=(0, 0, 0.6, 0.8), name=f"bolt & nut {k}")
    box = mr.box(0.01)
    colors = np.random.default_rng(0).integers(0, 256, (24, 3)).astype(np.uint8)
    colored = mr.Geometry(positions=box.positions, indices=box.indices, colors=colors)
    scene.add(mr.Mesh(colored, mr.Standard()), position=(0, 0.05, 0), scale=(1, -2, 1), name="dice")
    mr.save(scene, tmp_path / "a.3mf")
    again = mr.load(tmp_path / "a.3mf")
    found = meshes(again)
    assert [node.name for node in found] == ["bolt & nut 0", "bolt & nut 1", "bolt & nut 2", "dice"]
    assert len({id(node.mesh) for node in found}) == 2
    material = found[0].mesh.primitives[0][1]
    assert material.name == 'the "blue" <one>' and material.color == pytest.approx(blue.color, abs=1e-6)
    np.testing.assert_allclose(again.bounds, scene.bounds, atol=1e-8)
    assert mr.check_solid(again).volume == pytest.approx(mr.check_solid(scene).volume, rel=1e-5)
    from metarender.drawn import srgb_bytes

    dice = found[3].mesh.primitives[0][0]
    rows = {(*p, *c) for p, c in zip(colored.positions.tolist(), map(tuple, srgb_bytes(colored.colors).tolist()), strict=True)}
    assert {(*p, *c) for p, c in zip(dice.positions.tolist(), map(tuple, srgb_bytes(dice.colors).tolist()), strict=True)} <= rows
    mr.save(scene, tmp_path / "b.3mf")
    assert (tmp_path / "a.3mf").read_bytes() == (tmp_path / "b.3mf").read_bytes()
    mr.save(again, tmp_path / "c.3mf")
    np.testing.assert_allclose(mr.load(tmp_path / "c.3mf").bounds, scene.bounds, atol=2e-8)


def test_vertices_are_shared_as_printers_need_it(tmp_path):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(0.01), mr.Standard()))
    mr.save(scene, tmp_path / "a.3mf", strict=True)
    with zipfile.ZipFile(tmp_path / "a.3mf") as archive:
        text = archive.read("3D/3dmodel.model").decode()
    assert text.count("<vertex ") == 8 and text.count("<triangle ") == 12 and 'unit="millimeter"' in text


def test_unknown_groups_of_properties_make_one_surface(load):
    rows = "".join(f'<triangle v1="0" v2="1" v3="3" pid="9" p1="{number}"/>' for number in range(300))
    scene = load(model(f'<object id="1"><mesh><vertices>{CUBE}</vertices><triangles>{rows}</triangles></mesh></object>'))
    ((geometry, _),) = next(node.mesh for node in scene.nodes if node.mesh is not None).primitives
    assert geometry.index_count == 900


def colored(count, group, tag):
    """A cube for each entry of a group, whose first triangle is made of that entry; all in one object."""
    vertices, triangles = CUBE * count, ""
    for k in range(count):
        rows = [tuple(8 * k + corner for corner in face) for face in FACES]
        triangles += "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}" pid="5" p1="{k}"/>' for a, b, c in rows)
    entries = "".join(f'<{tag} {"display" if tag == "base" else ""}color="#{k:06X}"/>' for k in range(count))
    mesh = f"<mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh>"
    return model(f'<{group} id="5">{entries}</{group}><object id="1" pid="5" pindex="0">{mesh}</object>')


@pytest.mark.parametrize(("group", "tag", "count", "draws"), [("basematerials", "base", 64, 64), ("basematerials", "base", 65, 1),
                                                              ("m:colorgroup", "m:color", 300, 1)])
def test_many_materials_of_one_object_become_colours(load, group, tag, count, draws):
    (node,) = meshes(load(model_with := colored(count, group, tag)))
    assert model_with and len(node.mesh.primitives) == draws
    if draws > 1:
        return
    (geometry, material), = node.mesh.primitives
    blue = np.round(mr.color.srgb_encode(geometry.colors[:, 2].astype(np.float64)) * 255).astype(int)
    np.testing.assert_array_equal(np.sort(blue), np.repeat(np.sort(np.arange(count) % 256), 36))
    assert material.color == (1, 1, 1, 1)


def test_a_part_is_read_once_however_its_name_is_spelled(load, monkeypatch):
    from metarender.io import threemf

    parsed = []
    monkeypatch.setattr(threemf.expat, "ParserCreate", lambda make=threemf.expat.ParserCreate: parsed.append(1) or make())
    items = "".join(f'<item objectid="1" p:path="{path}"/>' for path in ("/3D/OTHER.model", "/3d/other.MODEL", "3D//x/../other.model"))
    scene = load(model("", items).replace("<model ", PRODUCTION, 1), ("3D/other.model", model(OBJECT, "")))
    assert len(parsed) == 2 and len({id(node.mesh.primitives[0][0]) for node in meshes(scene)}) == 1


def test_promise_6_nodes_are_counted_before_one_is_made(load, monkeypatch):
    from metarender.io import threemf

    monkeypatch.setattr(threemf, "NodeDescription", None)
    with pytest.raises(mr.AssetError, match="makes more than 1,000,000 nodes"):
        load(nested())
    with pytest.raises(mr.AssetError, match="draws more than 10 primitives"):
        load(model(OBJECT, '<item objectid="1"/>' * 11), limits=mr.io.Limits(draws=10))


def test_promise_6_a_zip_of_very_many_files_is_refused_before_they_are_listed(load, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, "infolist", None)
    with pytest.raises(mr.AssetError, match="holds 20,001 files"):
        load(raw=b"PK\3\4" + b"PK\1\2" * 20_001 + b"PK\5\6" + bytes(18))
