"""What reads VTK files: a process of its own, so that a damaged file ends nothing but this. Started by vtk.py and imports nothing of ours.

Arguments: bytes of memory, bytes of output, files. Output: one line of JSON, then the bytes of all arrays that it names, in order.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np


def limit(memory: int, output: int) -> None:
    """Let the system end this process before it takes more than it was given."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def reader_of(path: str) -> Any:
    """Return a reader for the kind of a file."""
    from vtkmodules.vtkIOLegacy import vtkGenericDataObjectReader
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLUnstructuredGridReader

    kinds: dict[str, Any] = {".vtu": vtkXMLUnstructuredGridReader, ".vtp": vtkXMLPolyDataReader, ".vtk": vtkGenericDataObjectReader}
    reader = kinds[path[-4:].lower()]()
    reader.SetFileName(path)
    if path[-4:].lower() == ".vtk":
        for what in ("Scalars", "Vectors", "Fields", "Tensors"):
            getattr(reader, f"ReadAll{what}On")()
    return reader


def read(path: str) -> Any:
    """Return the triangles of a file's surface with everything that its points and cells carry, as vtkPolyData."""
    from vtkmodules.vtkCommonDataModel import vtkDataSet
    from vtkmodules.vtkFiltersCore import vtkCellDataToPointData, vtkTriangleFilter
    from vtkmodules.vtkFiltersGeometry import vtkGeometryFilter

    said: list[str] = []
    reader = reader_of(path)
    reader.AddObserver("ErrorEvent", lambda *arguments: said.append("it is damaged or of another kind"))
    reader.Update()
    found = reader.GetOutputDataObject(0)
    if said or not isinstance(found, vtkDataSet):
        raise ValueError(said[0] if said else "it holds no mesh")
    if found.GetNumberOfCells() and found.GetCellData().GetNumberOfArrays():
        averaged = vtkCellDataToPointData()
        averaged.SetInputData(found)
        averaged.Update()
        found = averaged.GetOutput()
    surface, triangles = vtkGeometryFilter(), vtkTriangleFilter()
    surface.SetInputData(found)
    triangles.SetInputConnection(surface.GetOutputPort())
    triangles.PassVertsOff()
    triangles.PassLinesOff()
    triangles.Update()
    return triangles.GetOutput()


def arrays_of(mesh: Any) -> dict[str, Any]:
    """Return points, triangles and named arrays of points."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    if not mesh.GetNumberOfPolys():
        raise ValueError("it has no surface")
    found = {"points": vtk_to_numpy(mesh.GetPoints().GetData()).astype("<f8"),
             "triangles": vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).astype("<i8")}
    data = mesh.GetPointData()
    for number in range(data.GetNumberOfArrays()):
        array, name = data.GetArray(number), data.GetArrayName(number)
        if array is not None and name and data.GetAbstractArray(number).IsNumeric() and not name.startswith("vtk"):
            values = vtk_to_numpy(array)
            found[f"field {name}"] = values.astype("<f4" if values.dtype == np.float32 else "<f8")
    return found


def main(arguments: list[str]) -> int:
    """Read files; return 0 where a header was written."""
    limit(int(arguments[0]), int(arguments[1]))
    from vtkmodules.vtkCommonCore import vtkObject

    vtkObject.GlobalWarningDisplayOff()
    out, number = sys.stdout.buffer, 0
    try:
        steps = []
        for number, path in enumerate(arguments[2:]):  # noqa: B007 -- told below
            steps.append(arrays_of(read(path)))
    except (ValueError, MemoryError) as error:
        out.write(json.dumps({"error": str(error) or "it needs more memory than allowed", "file": number}).encode() + b"\n")
        return 0
    described = [{name: [values.dtype.str, *values.shape] for name, values in step.items()} for step in steps]
    out.write(json.dumps({"steps": described}).encode() + b"\n")
    for step in steps:
        for values in step.values():
            out.write(np.ascontiguousarray(values).tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
