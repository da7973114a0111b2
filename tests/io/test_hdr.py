"""read_hdr: every run-length form, round trips, and files that are broken on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarender.environment import Environment
from metarender.errors import AssetError
from metarender.io import Limits
from metarender.io.hdr import read_hdr

HEADER = b"#?RADIANCE\n# made by a test\nFORMAT=32-bit_rle_rgbe\n\n"


def decode(rgbe):
    """The definition: mantissa * 2 ** (exponent - 136), black where the exponent is 0."""
    value = rgbe[..., :3].astype(np.float64) * 2.0 ** (rgbe[..., 3:].astype(np.float64) - 136)
    return np.where(rgbe[..., 3:] == 0, 0.0, value).astype(np.float32)


def runs(line):
    """One line (w, 4) uint8 with run lengths by channel."""
    out = bytearray((2, 2, len(line) >> 8, len(line) & 255))
    for channel in line.T:
        start = 0
        while start < len(channel):
            same = start
            while same < len(channel) and channel[same] == channel[start] and same - start < 127:
                same += 1
            if same - start > 2:
                out += bytes((128 + same - start, channel[start]))
                start = same
            else:
                stop = min(start + 5, len(channel))
                out += bytes((stop - start,)) + channel[start:stop].tobytes()
                start = stop
    return bytes(out)


def old_runs(line):
    """One line (w, 4) uint8 with (1, 1, 1, n) repeats of whole pixels, several in a row for counts beyond 255."""
    out, column = bytearray(), 0
    while column < len(line):
        out += line[column].tobytes()
        same = column + 1
        while same < len(line) and np.array_equal(line[same], line[column]):
            same += 1
        count = same - column - 1
        while count > 0:
            out += bytes((1, 1, 1, count & 255))
            count >>= 8
        column = same
    return bytes(out)


def flat(line):
    return line.tobytes()


def write(path, rgbe, encode, resolution=None):
    height, width = rgbe.shape[:2]
    text = resolution or f"-Y {height} +X {width}\n".encode()
    path.write_bytes(HEADER + text + b"".join(encode(line) for line in rgbe))
    return path


def picture(height, width, seed=0, kinds=5):
    """Random RGBE with long runs and without pixels that look like a repeat or a line header."""
    rng = np.random.default_rng(seed)
    palette = rng.integers(3, 256, (kinds, 4), np.uint8)
    palette[0, 3] = 0
    return palette[np.minimum(np.sort(rng.integers(0, kinds, (height, width)), 1), kinds - 1)]


@pytest.mark.parametrize("encode", [flat, old_runs, runs])
@pytest.mark.parametrize("width", [8, 9, 127, 300, 700])
def test_all_run_lengths_give_the_pixels(tmp_path, encode, width):
    rgbe = picture(5, width)
    got = read_hdr(write(tmp_path / "a.hdr", rgbe, encode))
    assert got.dtype == np.float32 and np.array_equal(got, decode(rgbe))


@pytest.mark.parametrize("width", [1, 7, 40000])
def test_widths_without_channel_runs_are_read_flat(tmp_path, width):
    rgbe = picture(2, width)
    assert np.array_equal(read_hdr(write(tmp_path / "a.hdr", rgbe, flat)), decode(rgbe))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(8, 400), st.integers(0, 2**32), st.sampled_from([old_runs, runs]))
def test_round_trips(tmp_path_factory, height, width, seed, encode):
    rgbe = picture(height, width, seed, kinds=1 + seed % 40)
    path = tmp_path_factory.mktemp("hdr") / "a.hdr"
    assert np.array_equal(read_hdr(write(path, rgbe, encode)), decode(rgbe))


def test_flipped_pictures_are_turned_upright(tmp_path):
    rgbe = picture(4, 16, 3)
    upside = read_hdr(write(tmp_path / "a.hdr", rgbe, runs, b"+Y 4 +X 16\n"))
    mirrored = read_hdr(write(tmp_path / "b.hdr", rgbe, runs, b"-Y 4 -X 16\n"))
    assert np.array_equal(upside, decode(rgbe)[::-1]) and np.array_equal(mirrored, decode(rgbe)[:, ::-1])
    assert upside.flags.c_contiguous


def test_the_exposure_that_was_applied_is_taken_off(tmp_path):
    rgbe = picture(2, 16)
    path = write(tmp_path / "a.hdr", rgbe, runs)
    path.write_bytes(path.read_bytes().replace(b"# made by a test", b"EXPOSURE=2\nEXPOSURE= 4.0"))
    assert np.array_equal(read_hdr(path), decode(rgbe) / 8)


def test_a_file_makes_an_environment(tmp_path):
    rgbe = np.full((8, 16, 4), (128, 128, 128, 129), np.uint8)      # 128 * 2**-7 = 1
    environment = Environment.from_file(write(tmp_path / "white.hdr", rgbe, runs), intensity=3)
    assert environment.name == "white.hdr" and environment.intensity == 3
    assert np.all(environment.irradiance == 1)


GOOD = HEADER + b"-Y 2 +X 8\n"


@pytest.mark.parametrize(("data", "message"), [
    (b"", "is empty"),
    (b"\x89PNG\r\n", "not a Radiance picture"),
    (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "header does not end"),
    (b"#?RADIANCE\n" + b"x" * 200_000, "header does not end"),
    (b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n\n-Y 2 +X 8\n", "'32-bit_rle_xyze' is not known"),
    (b"#?RADIANCE\nEXPOSURE=zero\n\n-Y 2 +X 8\n", "not a positive exposure"),
    (b"#?RADIANCE\n" + b"EXPOSURE=1e-19\n" * 20 + b"\n-Y 2 +X 8\n", "EXPOSURE lines multiply to 1e-38"),
    (b"#?RADIANCE\n" + b"EXPOSURE=1e19\n" * 20 + b"\n-Y 2 +X 8\n", r"EXPOSURE lines multiply to 1e\+38"),
    (b"#?RADIANCE\nEXPOSURE=1e-19\n\n-Y 1 +X 4\n" + b"\xff\xff\xff\xff" * 4, "makes pixels infinite"),
    (b"#?RADIANCE\nEXPOSURE=-1\n\n-Y 2 +X 8\n", "not a positive exposure"),
    (HEADER, "resolution line"),
    (HEADER + b"-Y 2 +X\n", "resolution line"),
    (HEADER + b"+X 8 -Y 2\n", "row by row"),
    (HEADER + b"-Y 99999999999 +X 8\n", "resolution line"),
    (HEADER + b"-Y 0 +X 8\n", "8 x 0 pixels; it must have at least one"),
    (HEADER + b"-Y 100000 +X 100000\n", "more than the limit of 67108864"),
    (HEADER + b"-Y 8192 +X 8192\n" + b"\2\2\x20\0" * 9, "truncated"),
    (GOOD, "truncated"),
    (GOOD + bytes((2, 2, 0, 8)) + bytes((128 + 8, 5)) * 3 + bytes(40)[:1], "truncated"),
    (GOOD + bytes((2, 2, 0, 8)) + bytes((128 + 9, 5)) * 8, "run of pixels that leaves its line"),
    (GOOD + bytes((2, 2, 0, 8)) + bytes((0, 5)) * 8, "run of pixels that leaves its line"),
    (GOOD + bytes((1, 1, 1, 5)) * 4, "run of pixels that leaves its line"),
    (GOOD + bytes((5, 5, 5, 5)) + bytes((1, 1, 1, 8)) * 4, "run of pixels that leaves its line"),
    (GOOD + bytes((5, 5, 5, 5)) + bytes((1, 1, 1, 0)) * 9, "run of pixels that leaves its line"),
])
def test_promise_6_broken_files_are_refused_in_one_sentence(tmp_path, data, message):
    path = tmp_path / "broken.hdr"
    path.write_bytes(data)
    with pytest.raises(AssetError, match=message) as caught:
        read_hdr(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_promise_6_the_limit_is_the_callers(tmp_path):
    path = write(tmp_path / "a.hdr", picture(4, 16), runs)
    assert read_hdr(path, limits=Limits(image_pixels=64, total_bytes=768)).shape == (4, 16, 3)
    for limits, message in (
        (Limits(image_pixels=63), "16 x 4 pixels are more than the limit of 63"),
        (Limits(total_bytes=767), "16 x 4 pixels are more than the limit of 63"),
        (Limits(file_bytes=50), "more than the 50 allowed"),
    ):
        with pytest.raises(AssetError, match=message):
            read_hdr(path, limits=limits)
        with pytest.raises(AssetError, match=message):
            Environment.from_file(path, limits=limits)


def test_promise_6_a_folder_is_not_a_picture(tmp_path):
    with pytest.raises(AssetError, match="is a folder"):
        read_hdr(tmp_path)


@pytest.mark.parametrize("encode", [flat, old_runs, runs])
def test_promise_6_every_truncation_is_refused(tmp_path, encode):
    path = write(tmp_path / "a.hdr", picture(3, 20), encode)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(AssetError):
            read_hdr(path)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2**16), st.integers(0, 255))
def test_promise_6_damage_never_crashes(tmp_path_factory, tail, place, value):
    path = tmp_path_factory.mktemp("hdr") / "a.hdr"
    whole = bytearray(write(path, picture(3, 20), runs).read_bytes())
    whole[place % len(whole)] = value
    path.write_bytes(bytes(whole[: len(whole) - len(tail) // 2]) + tail)
    try:
        pixels = read_hdr(path)
    except AssetError:
        return
    assert pixels.ndim == 3 and np.isfinite(pixels).all() and pixels.min() >= 0
