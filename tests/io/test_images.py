"""Pictures of every colour mode to RGBA, and pictures that must be refused before they are decoded."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from metarender.errors import GltfError
from metarender.io import Limits
from metarender.io.images import decode, header_size, sniff
from metarender.io.limits import Budget


def encoded(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def read(data, **limits):
    return decode(data, Budget(Limits(**limits)), "/images/0")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(width, height, depth, color, rows):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_grey_and_grey_with_alpha():
    assert read(encoded(Image.fromarray(np.array([[0, 200]], np.uint8)))).tolist() == [[[0, 0, 0, 255], [200, 200, 200, 255]]]
    assert read(encoded(Image.fromarray(np.array([[[10, 20]]], np.uint8)))).tolist() == [[[10, 10, 10, 20]]]


def test_one_bit():
    assert read(encoded(Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1"))).tolist() == [[[0] * 3 + [255], [255] * 4]]


def test_palette_with_transparency():
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 0), 1)
    assert read(encoded(picture, transparency=bytes([255, 64]))).tolist() == [[[255, 0, 0, 255], [0, 255, 0, 64]]]


def test_rgb_with_a_transparent_colour():
    picture = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    assert read(encoded(picture, transparency=(4, 5, 6))).tolist() == [[[1, 2, 3, 255], [4, 5, 6, 0]]]


def test_sixteen_bit_grey_is_rounded_not_clipped():
    deep = np.array([[0, 128, 129, 32896, 65535]], ">u2")
    pixels = read(raw_png(5, 1, 16, 0, b"\0" + deep.tobytes()))
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    assert (pixels[..., 3] == 255).all()


def test_sixteen_bit_colour():
    deep = np.array([[65535, 32768, 0]], ">u2")
    assert read(raw_png(1, 1, 16, 2, b"\0" + deep.tobytes())).tolist() == [[[255, 128, 0, 255]]]


def test_jpeg_grey_rgb_and_cmyk():
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    np.testing.assert_allclose(read(encoded(Image.fromarray(flat), "JPEG", quality=95))[0, 0], [200, 100, 50, 255], atol=4)
    np.testing.assert_allclose(read(encoded(Image.fromarray(flat[..., 0]), "JPEG"))[0, 0], [200, 200, 200, 255], atol=2)
    ink = Image.fromarray(flat).convert("CMYK")
    np.testing.assert_allclose(read(encoded(ink, "JPEG", quality=95))[0, 0], [200, 100, 50, 255], atol=6)


def test_webp_of_each_kind():
    flat = Image.fromarray(np.full((3, 5, 4), (200, 100, 50, 128), np.uint8))
    for options in ({"lossless": True}, {"quality": 90}):
        data = encoded(flat, "WEBP", **options)
        assert header_size(data) == (5, 3)
        np.testing.assert_allclose(read(data)[0, 0], [200, 100, 50, 128], atol=8)
    assert header_size(encoded(flat.convert("RGB"), "WEBP", quality=90)) == (5, 3)


def test_rotation_tags_are_ignored_as_gltf_asks():
    picture = Image.fromarray(np.zeros((2, 6, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read(encoded(picture, "JPEG", exif=exif)).shape == (2, 6, 4)


def test_the_kind_is_read_from_the_bytes():
    picture = Image.new("RGB", (1, 1))
    assert [sniff(encoded(picture, kind)) for kind in ("PNG", "JPEG", "WEBP", "GIF")] == ["image/png", "image/jpeg", "image/webp", ""]
    with pytest.raises(GltfError, match="neither PNG, JPEG nor WebP"):
        read(encoded(picture, "GIF"))


def test_promise_6_a_picture_bomb_is_refused_by_its_header():
    bomb = raw_png(60000, 60000, 8, 6, b"")
    with pytest.raises(GltfError, match="60000 x 60000 pixels, more than") as caught:
        read(bomb)
    assert caught.value.code == "LIMIT_EXCEEDED"
    with pytest.raises(GltfError, match="LIMIT_EXCEEDED"):
        read(encoded(Image.new("RGB", (11, 10))), image_pixels=100)
    with pytest.raises(GltfError, match="LIMIT_EXCEEDED"):
        read(encoded(Image.new("RGB", (11, 10))), total_bytes=100)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_promise_6_a_cut_picture_is_refused_at_every_length(kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 4, 3), np.uint8))
    data = encoded(noise, kind)
    decoded = []
    for length in range(len(data)):
        try:
            read(data[:length])
            decoded.append(length)
        except GltfError as error:
            assert error.pointer == "/images/0"
    assert not decoded or min(decoded) > 0.8 * len(data)  # only end marks and checksums may be missing


def test_promise_6_a_second_header_is_not_decoded():
    """What Pillow reads last decides what it allocates; the size that was checked is the first one."""
    small = encoded(Image.new("RGB", (2, 2)))
    twice = small[:33] + chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)) + small[33:]
    photo = encoded(Image.new("RGB", (8, 8)), "JPEG")
    frame = photo.index(b"\xff\xc0")
    length = struct.unpack_from(">H", photo, frame + 2)[0] + 2
    large = bytearray(photo[frame : frame + length])
    large[5:9] = struct.pack(">HH", 9000, 9000)
    tracemalloc.start()
    try:
        for data in (twice, photo[: frame + length] + bytes(large) + photo[frame + length :]):
            assert header_size(data) in ((2, 2), (8, 8))
            with pytest.raises(GltfError) as caught:
                read(data)
            assert "9000 x 9000 later" in str(caught.value)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_limit_of_pixels_is_ours_and_not_that_of_the_decoder(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read(encoded(Image.new("RGB", (20, 20)))).shape == (20, 20, 4)


def test_pictures_are_converted_in_strips_without_seams(monkeypatch):
    noise = np.random.default_rng(1).integers(0, 256, (50, 7, 4), np.uint8)
    monkeypatch.setattr("metarender.io.images._STRIP", 21)
    np.testing.assert_array_equal(read(encoded(Image.fromarray(noise))), noise)
    deep = np.random.default_rng(2).integers(0, 65536, (50, 7)).astype(np.uint16)
    np.testing.assert_array_equal(read(encoded(Image.fromarray(deep)))[..., 0], (deep.astype(np.uint32) + 128) // 257)


@pytest.mark.parametrize("filler", [b"\xff", b"\xff\xd0", b"\xff\xe0\0\2"])
def test_promise_6_a_jpeg_of_nothing_but_markers_is_not_walked_for_ever(filler):
    sound = encoded(Image.new("RGB", (5, 3)), "JPEG")
    assert header_size(sound[:2] + filler * 1000 + sound[2:]) == (5, 3)
    assert header_size(sound[:2] + filler * 70_000 + sound[2:]) is None
