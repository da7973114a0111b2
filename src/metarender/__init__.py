"""metarender: a real-time rendering engine for Python.

Importing it touches neither a display nor OpenGL: what draws is imported on first use.
"""

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .animation import Action, Clip, Clips, Step, Track, procedure, read_steps
from .camera import Camera, OrthographicCamera, PerspectiveCamera
from .colormap import Colormap
from .deformation import Morph, Skin
from .environment import Environment
from .errors import (
    AssetError,
    CaptureError,
    DeviceError,
    GltfError,
    InvalidInput,
    MetarenderError,
    MissingExtra,
    OutOfDeviceMemory,
    ReleasedError,
    ShaderError,
    WrongThreadError,
)
from .field import Field
from .geometry import Geometry, Mesh
from .legend import Legend
from .lights import DirectionalLight, Light, PointLight, SpotLight
from .materials import Heat, Material, Standard, Unlit
from .part_state import PartState
from .parts import Instances, Parts
from .primitives import box, capsule, cone, cylinder, grid, plane, sphere, torus
from .scene import Node, Scene
from .textures import Sampler, Texture, TextureInfo
from .transforms import from_pyrr

if TYPE_CHECKING:
    from . import humans, io
    from .captures import Capture, Replay, capture, open_capture, replay
    from .frame import Frame
    from .gpu.device import Device
    from .io import load, load_async, save
    from .pictures import close, render
    from .renderer import Renderer
    from .solid import SolidReport, check_solid
    from .stats import Stats
    from .viewer import Viewer, view

_LATE = {"Capture": "captures", "Replay": "captures", "capture": "captures", "open_capture": "captures", "replay": "captures",
         "humans": "", "io": "", "load": "io", "load_async": "io", "save": "io", "SolidReport": "solid", "check_solid": "solid",
         "Frame": "frame", "Stats": "stats", "Device": "gpu.device", "Renderer": "renderer", "render": "pictures", "close": "pictures",
         "Viewer": "viewer", "view": "viewer"}

__all__ = [
    "Action", "AssetError", "Camera", "Capture", "CaptureError", "Clip", "Clips", "Colormap", "Device", "DeviceError",
    "DirectionalLight", "Environment", "Field", "Frame", "Geometry", "GltfError", "Heat", "Instances", "InvalidInput", "Legend",
    "Light", "Material", "Mesh", "MetarenderError", "MissingExtra", "Morph", "Node", "OrthographicCamera", "OutOfDeviceMemory",
    "PartState", "Parts", "PerspectiveCamera", "PointLight", "ReleasedError", "Renderer", "Replay", "Sampler", "Scene", "ShaderError",
    "Skin", "SolidReport", "SpotLight", "Standard", "Stats", "Step", "Texture", "TextureInfo", "Track", "Unlit", "Viewer",
    "WrongThreadError", "__version__", "box", "capsule", "capture", "check_solid", "close", "cone", "cylinder", "from_pyrr", "grid",
    "humans", "io", "load", "load_async", "open_capture", "plane", "procedure", "read_steps", "render", "replay", "save", "sphere",
    "torus", "view",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'metarender' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_LATE[name] or name}")
    value = globals()[name] = getattr(module, name) if _LATE[name] else module
    return value
