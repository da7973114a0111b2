"""Composes GLSL units: `#include` once, a closed set of `#define` features in a fixed order, and a map back to the files.

Mesa reports every error as line of unit 0 whatever `#line` says, so the map from output line to file and line is our own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from ..errors import ShaderError

FEATURES = ("PASS_SHADE", "PASS_DEPTH", "PASS_IDS", "PASS_GHOST", "PASS_SELECTION", "LIT", "HAS_NORMAL", "HAS_TANGENT", "HAS_UV0",
            "HAS_UV1", "HAS_COLOR", "HAS_VALUE", "SKINNED", "SKINNED8", "MORPHED", "MORPH_NORMALS", "MORPH_TANGENTS", "MIRRORED",
            "DOUBLE_SIDED", "MASK", "BLEND", "LINES", "POINTS", "MANY_ANCHORS", "PART_STATES", "HAS_ENVIRONMENT", "HAS_SHADOW",
            "MULTISAMPLE", "FROM_DEPTH", "FRUSTUM",
            *(f"FEATURE_{bit}" for bit in range(16)))
"""Every macro that a program may be compiled with; ``FEATURE_n`` are the bits that a material declares."""

VERSION = "#version 430 core"
AROUND = 3
"""Lines that a message shows before and after the faulty one."""

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"\s*$')
_HEADING = re.compile(r"^(GLSL \w+ failed|\w+_shader|Program|=+)$")
_ERROR_LINE = re.compile(r"\b0[:(](\d+)")


def messages(log: str) -> list[str]:
    """Return the driver's lines out of a log, without ModernGL's headings."""
    return [line for row in log.splitlines() if (line := row.strip()) and not _HEADING.match(line)]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one line of a composed unit comes from."""

    file: str
    line: int
    chain: tuple[str, ...]


@dataclass(slots=True)
class Source:
    """One composed unit.

    Attributes
    ----------
    text : str
        What the compiler is given.
    origins : list of Origin
        One for each line of `text`.
    defines : tuple of str
    """

    text: str
    origins: list[Origin]
    defines: tuple[str, ...]

    def explain(self, log: str) -> str:
        """Turn a driver's log into file, line, three lines before and after, the include chain, and the feature set."""
        parts = []
        for message in messages(log):
            match = _ERROR_LINE.search(message)
            number = int(match.group(1)) if match else 0
            parts.append(self.show(number, message) if 1 <= number <= len(self.origins) else message)
        return "\n".join([*parts, self.features])

    def show(self, number: int, message: str) -> str:
        """Return a message with the file and line that a line of `text` comes from, the lines around it, and who included the file."""
        lines, origin = self.text.splitlines(), self.origins[number - 1]
        parts = [f"{origin.file}:{origin.line}: {message}"]
        for near in range(max(number - 1 - AROUND, 0), min(number + AROUND, len(lines))):
            if self.origins[near].chain == origin.chain:  # lines of another file say nothing here
                mark = ">" if near == number - 1 else " "
                parts.append(f"  {mark} {self.origins[near].line:4d} | {lines[near]}")
        if len(origin.chain) > 1:
            parts.append("    included by " + " <- ".join(reversed(origin.chain[:-1])))
        return "\n".join(parts)

    def find(self, word: str) -> int:
        """Return the first line of `text` that has a word in its code; 0 where there is none."""
        wanted = re.compile(rf"\b{re.escape(word)}\b")
        return next((number for number, line in enumerate(self.text.splitlines(), 1) if wanted.search(line.split("//")[0])), 0)

    @property
    def features(self) -> str:
        """The feature set, as messages end with it."""
        return "features: " + (" ".join(self.defines) or "none")


@dataclass(slots=True)
class Composer:
    """Reads shader files and composes units.

    Parameters
    ----------
    overlay : mapping of str to str
        Files that stand before those of the package, by path; a user's material is one.
    before : callable, optional
        Called with the path of a file that is about to be read.
    """

    overlay: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[str], None] | None = None
    _cache: dict[str, list[str]] = field(default_factory=dict)

    def compose(self, path: str, defines: Sequence[str], aliases: Mapping[str, str] | None = None) -> Source:
        """Compose one unit.

        Parameters
        ----------
        path : str
            File below ``shaders/``, such as ``pass/shade.frag.glsl``.
        defines : sequence of str
            Names out of ``FEATURES``, in any order.
        aliases : mapping of str to str
            Include paths that stand for another file: ``material/surface.glsl`` for the shader in use.

        Raises
        ------
        ShaderError
            A file is missing, includes itself, or a feature is not declared.
        """
        unknown = sorted(set(defines) - set(FEATURES))
        if unknown:
            raise ShaderError(f"{path}: feature {', '.join(unknown)} is not declared; add it to FEATURES of gpu/shader_source.py.")
        ordered = tuple(name for name in FEATURES if name in set(defines))
        text = [VERSION, *(f"#define {name} 1" for name in ordered)]
        origins = [Origin("composer", number, ("composer",)) for number in range(1, len(text) + 1)]
        self._append(path, (), set(), aliases or {}, text, origins)
        return Source("\n".join(text) + "\n", origins, ordered)

    def _append(self, path: str, chain: tuple[str, ...], seen: set[str], aliases: Mapping[str, str], text: list[str],
                origins: list[Origin]) -> None:
        path = aliases.get(path, path)
        if path in seen:
            return
        seen.add(path)
        chain = (*chain, path)
        for number, line in enumerate(self._read(path, chain), 1):
            include = _INCLUDE.match(line)
            if include:
                self._append(include.group(1), chain, seen, aliases, text, origins)
            else:
                text.append(line)
                origins.append(Origin(path, number, chain))

    def _read(self, path: str, chain: tuple[str, ...]) -> list[str]:
        if path in self.overlay:
            return self.overlay[path].splitlines()
        if path not in self._cache:
            by = f", included by {chain[-2]}," if len(chain) > 1 else ""
            try:
                if self.before is not None:
                    self.before(path)
                self._cache[path] = files("metarender.shaders").joinpath(path).read_text("utf-8").splitlines()
            except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
                raise ShaderError(f"Shader file {path!r}{by} does not exist below shaders/; check the spelling of the path.") from None
            except OSError as error:
                reason = error.strerror or error
                raise ShaderError(f"Shader file {path!r}{by} cannot be read: {reason}; install metarender anew.") from None
        return self._cache[path]
