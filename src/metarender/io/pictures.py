"""The pictures that the materials of one file name: each decoded once, what is none told in a note and left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError, GltfError
from ..textures import Sampler, Texture
from .images import decode, sniff
from .limits import Budget
from .text import described

_KINDS = ("image/png", "image/jpeg", "image/webp")


@dataclass(frozen=True)
class Channel:
    """One channel of a picture, 0 to 3 for red, green, blue and alpha."""

    name: str
    number: int = 0


class Pictures:
    """Makes textures of pictures.

    Parameters
    ----------
    fetch : callable
        From the name of a picture to its bytes; None, with a note of its own, where there are none.
    budget : Budget
    notes : list of str
        Gets what was left out.
    """

    def __init__(self, fetch: Callable[[str], bytes | None], budget: Budget, notes: list[str]) -> None:
        self._fetch, self._budget, self._notes = fetch, budget, notes
        self._pixels: dict[str, NDArray[np.uint8] | None] = {}
        self._textures: dict[tuple[str, bool, Sampler], Texture] = {}
        self._joined: dict[tuple[Sequence[Channel | None], bool, Sampler], Texture] = {}

    def texture(self, name: str, srgb: bool, sampler: Sampler) -> Texture | None:
        """Return the texture of a picture, None where there is no picture.

        Raises
        ------
        AssetError
            The picture is damaged or passes a limit.
        """
        pixels = self.pixels(name)
        if pixels is None:
            return None
        key = name, srgb, sampler
        if key not in self._textures:
            self._textures[key] = Texture(pixels, srgb=srgb, sampler=sampler, name=name)
        return self._textures[key]

    def joined(self, channels: Sequence[Channel | None], srgb: bool, sampler: Sampler) -> Texture | None:
        """Return a texture whose channels come from several pictures, 255 where there is none; None where none is there.

        Smaller pictures are spread over the largest one.

        Parameters
        ----------
        channels : sequence of Channel or None
            Red, green, blue and alpha.

        Raises
        ------
        AssetError
            As `texture`.
        """
        parts = tuple(None if channel is None or self.pixels(channel.name) is None else channel for channel in channels)
        names = {channel.name for channel in parts if channel is not None}
        if not names or parts == tuple(Channel(next(iter(names)), number) for number in range(4)):
            return self.texture(next(iter(names)), srgb, sampler) if names else None
        key = parts, srgb, sampler
        if key not in self._joined:
            height, width = np.max([pixels.shape[:2] for name in names if (pixels := self.pixels(name)) is not None], axis=0).tolist()
            self._budget.take(width * height * 4, "A picture of several", "")
            picture = np.full((height, width, 4), 255, np.uint8)
            for number, channel in enumerate(parts):
                if channel is not None and (pixels := self.pixels(channel.name)) is not None:
                    rows, columns = (np.arange(size) * own // size for size, own in zip((height, width), pixels.shape[:2], strict=True))
                    picture[..., number] = pixels[rows[:, None], columns, channel.number]
            self._joined[key] = Texture(picture, srgb=srgb, sampler=sampler)
        return self._joined[key]

    def pixels(self, name: str) -> NDArray[np.uint8] | None:
        """Return a picture as (h, w, 4) uint8, None where there is none.

        Raises
        ------
        AssetError
            As `texture`.
        """
        if name not in self._pixels:
            data = self._fetch(name)
            if data is not None and sniff(data) not in _KINDS:
                self._notes.append(f"the picture {described(name)}, which is neither PNG, JPEG nor WebP")
                data = None
            try:
                self._pixels[name] = None if data is None else decode(data, self._budget)
            except GltfError as error:
                raise AssetError(f"The picture {described(name)}: {error}") from None
        return self._pixels[name]
