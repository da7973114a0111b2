"""Fixtures of the loader tests."""

import pytest

from metarender.io import Limits


@pytest.fixture
def describe():
    """Read a glTF file to its description, without a Scene."""
    from metarender.io.gltf import read_gltf

    def read(path, **options):
        options.setdefault("limits", Limits())
        return read_gltf(path, **options)

    return read


@pytest.fixture
def primitive(describe):
    """Read a glTF file and return the (geometry, material) of its first drawn primitive."""

    def read(path, **options):
        return next(node.mesh for node in describe(path, **options).nodes if node.mesh is not None).primitives[0]

    return read
