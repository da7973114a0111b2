"""Conversions at the public edge: matrices, quaternions and vectors that users pass, pyrr objects included."""

from __future__ import annotations

from ._core import as_matrix, as_quaternion, as_triple, as_vector3, from_pyrr

__all__ = ["as_matrix", "as_quaternion", "as_triple", "as_vector3", "from_pyrr"]
