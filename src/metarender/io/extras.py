"""Optional libraries of the loaders: imported when a file needs them; where they are missing, the error says how to install them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import MissingExtra

_HINTS = {"meshoptimizer": "; it is built from source, which needs a C++ compiler"}


def library(name: str) -> Any | None:
    """Import an optional library; None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def missing(name: str, what: str, where: str) -> MissingExtra:
    """Return the exception for a file that cannot be read without a library.

    Parameters
    ----------
    name : str
        As it is imported.
    what : str
        What needs it, such as ``"KHR_draco_mesh_compression"``.
    where : str
        JSON pointer.
    """
    return MissingExtra(f"{what} needs {name} (at {where}); pip install 'metarender[gltf]'{_HINTS.get(name, '')}.")
