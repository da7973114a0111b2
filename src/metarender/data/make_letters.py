"""Makes letters.npz beside this file: the glyphs of Aileron (Sora Sagano, CC0 1.0), which Pillow brings along, as black and white pictures.

Run it after a change of the characters below (``python src/metarender/data/make_letters.py``; needs a Pillow with FreeType), look at a
picture with a legend, and commit the result. What the font lacks and units need (raised digits, the micro sign) is put together here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from metarender.letters import ASCENT, EM, HEIGHT

PLAIN = "".join(map(chr, range(32, 127))) + "°±·«»"
RAISED = {"⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9", "⁻": "-", "⁺": "+"}
Glyph = NDArray[np.bool_]


def glyph(text: str, font: Any) -> Glyph:
    """Return a glyph, (HEIGHT, advance) bool, on its baseline."""
    advance = max(round(font.getlength(text)), 1)
    picture = Image.new("L", (advance, HEIGHT))
    ImageDraw.Draw(picture).text((0, ASCENT), text, fill=255, font=font, anchor="ls")
    return np.asarray(picture) > 127


def raised(text: str) -> Glyph:
    """Return a glyph of about two thirds of the size, with its top where capitals end."""
    found = glyph(text, ImageFont.load_default(EM * 0.62))
    return np.roll(found, -round(EM * 0.30), axis=0)


def micro(font: Any) -> Glyph:
    """Return a u with a stem that goes below the line."""
    found = glyph("u", font)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    top, left = rows[0], columns[0]
    stem = int(np.flatnonzero(~found[top + 2, left:])[0])
    found[top:ASCENT + round(EM * 0.2), left:left + stem] = True
    return found


def make() -> dict[str, Glyph]:
    """Return all glyphs by character."""
    font = ImageFont.load_default(EM)
    found = {letter: glyph(letter, font) for letter in PLAIN}
    found |= {letter: raised(base) for letter, base in RAISED.items()}
    found |= dict.fromkeys("µμ", micro(font))
    found["−"], found["×"] = found["-"], glyph("x", font)
    return found


if __name__ == "__main__":
    glyphs = make()
    letters = sorted(glyphs)
    strip = np.concatenate([glyphs[letter] for letter in letters], axis=1)
    widths = np.array([glyphs[letter].shape[1] for letter in letters], np.uint16)
    place = Path(__file__).with_name("letters.npz")
    np.savez_compressed(place, letters=np.array([ord(letter) for letter in letters], np.uint16), widths=widths,
                        bits=np.packbits(strip, axis=1))
    print(f"{place.name}: {len(letters)} characters, {place.stat().st_size} bytes")
