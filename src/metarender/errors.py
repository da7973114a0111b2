"""Every exception that metarender raises on purpose; imports nothing, so every module may import it.

Each message says what is wrong, where, and how to mend it, in one plain sentence.
"""

from __future__ import annotations


class MetarenderError(Exception):
    """Base of every exception that metarender raises on purpose."""


class InvalidInput(MetarenderError, ValueError):
    """An argument has the wrong shape, type, range or value."""


class DeviceError(MetarenderError):
    """No usable OpenGL device, or the driver reported an error."""


class OutOfDeviceMemory(DeviceError):
    """The driver could not allocate a texture, buffer or attachment."""


class WrongThreadError(MetarenderError):
    """An object was used from a thread that does not own it, or by two threads at once."""


class ReleasedError(MetarenderError):
    """An object was used after it was closed, released or removed."""


class ShaderError(MetarenderError):
    """A shader does not compile or link."""


class AssetError(MetarenderError):
    """A file could not be read, understood or written.

    Attributes
    ----------
    code : str
        Name of the rule that is broken; empty where the format has no codes.
    pointer : str
        JSON pointer (RFC 6901) to the faulty place; empty for the file itself.
    """

    def __init__(self, message: str, code: str = "", pointer: str = "") -> None:
        self.code = code
        self.pointer = pointer
        place = f" (at {pointer})" if pointer else ""
        super().__init__(f"{message}{place}" + (f" [{code}]" if code else ""))


class GltfError(AssetError):
    """A glTF file breaks the specification or a limit.

    `code` is as the Khronos validator spells it where it has one (``ACCESSOR_TOO_LONG``), `pointer` such as ``/accessors/3/count``.
    """


class CaptureError(AssetError):
    """A capture (``.mrz``) is damaged, breaks its format or a limit; `pointer` leads into its ``manifest.json``."""


class MissingExtra(MetarenderError, ImportError):
    """An optional library is not installed; the message holds the pip command that brings it."""
