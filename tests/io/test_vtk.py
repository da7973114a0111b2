"""Results of simulations in VTK's files: surface and fields against a search of all faces, times from collections, and damaged files."""

import os
import random
import time

import numpy as np
import pytest

import metarender as mr
from metarender.io import AssetWarning, Limits

pytest.importorskip("vtkmodules")
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import VTK_HEXAHEDRON, VTK_TETRA, vtkUnstructuredGrid
from vtkmodules.vtkIOLegacy import vtkUnstructuredGridWriter
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter, vtkXMLUnstructuredGridWriter

LONG = bool(os.environ.get("METARENDER_LONG"))
CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def hexes(n: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Points (k, 3) and cells (m, 8) of a block of hexahedra with one missing, so that the surface goes inside."""
    z, y, x = np.meshgrid(*[np.arange(n + 1)] * 3, indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(float)
    at = np.arange((n + 1) ** 3).reshape(n + 1, n + 1, n + 1)
    cells = [[at[k + c, j + b, i + a] for a, b, c in CORNERS] for i in range(n) for j in range(n) for k in range(n)]
    return points, np.array(cells[1:])


def grid_of(points, cells, **fields) -> vtkUnstructuredGrid:
    grid, held = vtkUnstructuredGrid(), vtkPoints()
    held.SetData(numpy_to_vtk(np.ascontiguousarray(points), deep=1))
    grid.SetPoints(held)
    for cell in cells.tolist():
        grid.InsertNextCell(VTK_HEXAHEDRON if len(cell) == 8 else VTK_TETRA, len(cell), cell)
    for name, values in fields.items():
        array = numpy_to_vtk(np.ascontiguousarray(values), deep=1)
        array.SetName(name)
        (grid.GetPointData() if len(values) == len(points) else grid.GetCellData()).AddArray(array)
    return grid


def write(path, grid, mode="appended"):
    writer = {".vtu": vtkXMLUnstructuredGridWriter, ".vtk": vtkUnstructuredGridWriter, ".vtp": vtkXMLPolyDataWriter}[path.suffix]()
    writer.SetFileName(str(path))
    writer.SetInputData(grid)
    if path.suffix == ".vtk":
        writer.SetFileTypeToASCII() if mode == "ascii" else writer.SetFileTypeToBinary()
    else:
        getattr(writer, {"appended": "SetDataModeToAppended", "ascii": "SetDataModeToAscii", "binary": "SetDataModeToBinary"}[mode])()
    assert writer.Write()
    return path


def outer_faces(cells: np.ndarray) -> set[tuple[int, ...]]:
    """Faces, by their sorted corners, that one cell alone has."""
    count: dict[tuple[int, ...], int] = {}
    for cell in cells:
        for face in FACES:
            key = tuple(sorted(cell[list(face)].tolist()))
            count[key] = count.get(key, 0) + 1
    return {key for key, times in count.items() if times == 1}


@pytest.mark.parametrize("suffix, mode", ((".vtu", "appended"), (".vtu", "ascii"), (".vtu", "binary"), (".vtk", "ascii"),
                                          (".vtk", "binary")))
def test_surface_and_fields_are_those_of_a_search_through_all_faces(tmp_path, suffix, mode):
    points, cells = hexes()
    heat, flow = points @ (100.0, 10.0, 1.0), np.stack([points[:, 1], -points[:, 0], 0 * points[:, 0]], axis=1).astype(np.float32)
    whole = np.arange(len(points))
    grid = grid_of(points, cells, heat=heat, flow=flow, number=whole, load=np.arange(float(len(cells))))
    path = write(tmp_path / f"block{suffix}", grid, mode)
    result = mr.io.read_vtk(path)
    assert set(result.fields) == {"heat", "flow", "number", "load"}
    geometry = result.geometry
    where = result.fields["number"].shown.astype(int)  # of each vertex, the point it was
    assert np.array_equal(geometry.positions, points[where].astype(np.float32))
    assert np.array_equal(result.fields["heat"].values[0], heat[where]) and np.array_equal(result.fields["flow"].values[0], flow[where])
    triangles = where[geometry.indices.reshape(-1, 3)]
    outer = outer_faces(cells)
    assert len(triangles) == 2 * len(outer)
    area = 0.0
    for triangle in triangles:
        assert any(set(triangle.tolist()) <= set(face) for face in outer)
        a, b, c = points[triangle]
        area += np.linalg.norm(np.cross(b - a, c - a)) / 2
    assert area == pytest.approx(len(outer))
    a, b, c = np.moveaxis(geometry.positions[geometry.indices.reshape(-1, 3)].astype(float), 1, 0)
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(len(cells)), "faces do not look outside"
    loads = [np.mean([number for number, cell in enumerate(cells) if point in cell]) for point in where.tolist()]
    assert np.allclose(result.fields["load"].shown, loads)


def test_a_collection_is_fields_over_time_and_moving_points_are_a_displacement(tmp_path):
    points, cells = hexes(2)
    moments = (0.0, 0.5, 2.0)
    for number, moment in enumerate(moments):
        bent = points + np.outer(points[:, 2] * moment, (1, 0, 0))
        write(tmp_path / f"step{number}.vtu", grid_of(bent, cells, heat=points[:, 0] * (1 + moment)))
    files = [f'<DataSet timestep="{moment}" part="0" file="step{number}.vtu"/>' for number, moment in enumerate(moments)]
    rows = "".join(reversed(files))
    path = tmp_path / "run.pvd"
    path.write_text(f'<?xml version="1.0"?><VTKFile type="Collection" version="0.1"><Collection>{rows}</Collection></VTKFile>')
    result = mr.io.read_vtk(path)
    heat, moved = result.fields["heat"], result.fields["displacement"]
    assert heat.times.tolist() == list(moments) and moved.times.tolist() == list(moments)
    heat.at(1.25)
    assert np.allclose(heat.shown, result.geometry.positions[:, 0] * 2.25)
    there = result.geometry.displaced(moved.sample(2.0))
    assert np.allclose(there.positions[:, 0], result.geometry.positions[:, 0] + 2 * result.geometry.positions[:, 2])
    scene = mr.load(path)
    assert scene.legends[0].heading == "heat" and scene.legends[0].colormap.high == pytest.approx(6.0)
    write(tmp_path / "step1.vtu", grid_of(*hexes(3)))
    with pytest.raises(mr.AssetError, match="changes its mesh at step 1"):
        mr.io.read_vtk(path)


def test_the_surface_of_polygons_loads_and_what_is_not_shown_is_told(tmp_path, renderer):
    from vtkmodules.vtkFiltersSources import vtkSphereSource

    source = vtkSphereSource()
    source.Update()
    mesh = source.GetOutput()
    count = mesh.GetNumberOfPoints()
    for name, values in (("stress", np.zeros((count, 6))), ("void", np.full(count, np.nan)), ("level", np.linspace(0, 1, count))):
        array = numpy_to_vtk(values, deep=1)
        array.SetName(name)
        mesh.GetPointData().AddArray(array)
    path = write(tmp_path / "ball.vtp", mesh)
    with pytest.warns(AssetWarning, match="not shown: stress"):
        result = mr.io.read_vtk(path)
    assert {"void", "level"} <= set(result.fields) and result.geometry.vertex_count == count
    with pytest.warns(AssetWarning):
        scene = mr.load(path)
    assert (renderer.render(scene).color[..., 3] == 255).mean() > 0.2


@pytest.mark.parametrize("text, message", (
    ("<VTKFile><Collection/></VTKFile>", "from 1 to 100000 files"), ("nothing", "no list of files"),
    ('<V><DataSet timestep="x" file="a.vtu"/></V>', "no list of files"), ('<V><DataSet file="../a.vtu"/></V>', "outside its folder"),
    ('<V><DataSet file="/etc/passwd"/></V>', "outside its folder"), ('<V><DataSet file="a.vtu"/><DataSet file="b.vtu"/></V>', "differ"),
    ('<V><DataSet timestep="inf" file="a.vtu"/></V>', "finite"), ('<V><DataSet file="a.exe"/></V>', "suffix '.exe'"),
    ('<V><DataSet file="none.vtu"/></V>', "does not exist"), ('<!DOCTYPE v [<!ENTITY a "aaaa">]><V>&a;</V>', "declares entities")))
def test_broken_collections_are_refused(tmp_path, text, message):
    path = tmp_path / "run.pvd"
    path.write_text(text)
    with pytest.raises(mr.AssetError, match=message):
        mr.load(path)


def refused(path, limits=None):
    """How a file is refused, or None where it is read."""
    start = time.perf_counter()
    try:
        mr.io.read_vtk(path, limits=limits)
        return None
    except mr.AssetError as error:
        assert time.perf_counter() - start < 20
        return str(error)


def test_damaged_files_end_the_reader_at_most(tmp_path):
    """Cut, changed and lying files; VTK may end however it likes, in a process of its own."""
    points, cells = hexes(2)
    fields = {"heat": points[:, 0], "load": np.arange(float(len(cells)))}
    sound = {name: write(tmp_path / f"sound{name}", grid_of(points, cells, **fields), mode).read_bytes()
             for name, mode in ((".vtu", "ascii"), (".vtk", "binary"))}
    chance = random.Random(4)
    for suffix, data in sound.items():
        path = tmp_path / f"broken{suffix}"
        for number in range(40 if LONG else 4):
            broken = bytearray(data)
            for _ in range(chance.randrange(1, 6)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            path.write_bytes(broken[:chance.randrange(1, len(broken))] if number % 2 else broken)
            refused(path)
    path = tmp_path / "lie.vtk"
    path.write_text("# vtk DataFile Version 3.0\nlie\nASCII\nDATASET POLYDATA\nPOINTS 2000000000 double\n0 0 0\n")
    assert "cannot be read by VTK" in refused(path) or "ends the reader" in refused(path)
    path.write_text("# vtk DataFile Version 3.0\nx\nASCII\nDATASET POLYDATA\nPOINTS 3 float\n0 0 0 1 0 0 0 1 0\nPOLYGONS 1 4\n"
                    "3 0 1 99999999\n")
    assert refused(path)
    path.write_bytes(b"")
    assert "0 bytes" in refused(path)
    path.write_text("# vtk DataFile Version 3.0\nx\nASCII\nDATASET POLYDATA\nPOINTS 1 float\n0 0 0\n")
    assert "no surface" in refused(path)


def test_limits_hold_before_anything_is_allocated(tmp_path):
    path = write(tmp_path / "block.vtu", grid_of(*hexes(2)))
    assert "Limits.file_bytes" in refused(path, Limits(file_bytes=100))
    assert "Limits.array_bytes" in refused(path, Limits(array_bytes=100))
    assert refused(path) is None


def test_without_vtk_the_extra_is_named(tmp_path, monkeypatch):
    from metarender.io import vtk

    path = write(tmp_path / "block.vtu", grid_of(*hexes(1)))
    monkeypatch.setattr(vtk, "find_spec", lambda name: None)
    with pytest.raises(mr.MissingExtra, match=r"metarender\[vtk\]"):
        mr.load(path)


def test_vtk_files_hold_one_scene(tmp_path):
    path = write(tmp_path / "block.vtu", grid_of(*hexes(1)))
    with pytest.raises(mr.InvalidInput, match="leave scene out"):
        mr.load(path, scene=1)


def test_a_list_of_files_declares_no_entities_in_any_encoding(tmp_path):
    text = '<!DOCTYPE a [<!ENTITY b "c">]><VTKFile><Collection><DataSet timestep="0" file="&b;"/></Collection></VTKFile>'
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "a.pvd").write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding))
        with pytest.raises(mr.AssetError, match="declares entities"):
            mr.load(tmp_path / "a.pvd")


def test_promise_6_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    write(tmp_path / "secret.vtu", grid_of(*hexes(1)))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.vtu").symlink_to(tmp_path / "secret.vtu")
    (tmp_path / "in" / "run.pvd").write_text('<V><DataSet file="a.vtu"/></V>')
    with pytest.raises(mr.AssetError, match="outside its folder"):
        mr.load(tmp_path / "in" / "run.pvd")
