"""Stored pictures: keys, their order of fall-back, tolerances, names, and files that several processes write."""

import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarender.errors import AssetError, InvalidInput
from metarender.testing.goldens import (
    EXACT,
    OTHER_VERSION,
    SAME_SERIES,
    GoldenFolder,
    Key,
    check_name,
    check_picture,
    fall_back,
    name_of,
    read_picture,
    tolerance_between,
)

KEY = "llvmpipe-22.3.6-llvm15"


def picture(value=0):
    return np.random.default_rng(value).integers(0, 256, (6, 9, 4), np.uint8)


def test_the_order_of_fall_back():
    order = [KEY, "llvmpipe-22.3.6-llvm14", "llvmpipe-22.3.6-llvm16", "llvmpipe-22.3.5-llvm15", "llvmpipe-22.3.7-llvm15",
             "llvmpipe-22.3.1-llvm15", "llvmpipe-22.2.9-llvm15", "llvmpipe-23.1.2-llvm15", "llvmpipe-25.0.1-llvm19"]
    others = ["softpipe-22.3.6", "swrast", "nvidia-rtx-4090-550.1", "llvmpipe-x"]
    assert fall_back(KEY, sorted(order + others)) == order


def test_a_driver_without_a_version_is_compared_with_itself_alone():
    key = "nvidia-geforce-rtx-4090-4.6.0-nvidia-550.54"
    assert fall_back(key, [KEY, key, "nvidia-geforce-rtx-3090-4.6.0-nvidia-550.54"]) == [key]


keys = st.builds(lambda version, llvm: f"llvmpipe-{'.'.join(map(str, version))}-llvm{llvm}",
                 st.lists(st.integers(0, 30), min_size=1, max_size=3), st.integers(10, 20))


@given(keys, st.lists(keys, max_size=8))
def test_the_fall_back_does_not_depend_on_the_order_of_folders_and_prefers_the_key(key, stored):
    order = fall_back(key, stored)
    assert order == fall_back(key, stored[::-1]) and sorted(order) == sorted(stored)
    assert key not in stored or order[0] == key
    exactness = [(EXACT, SAME_SERIES, OTHER_VERSION).index(tolerance_between(key, name)) for name in order]
    assert exactness == sorted(exactness)


@pytest.mark.parametrize("stored, tolerance", [
    (KEY, EXACT), ("llvmpipe-22.3.6-llvm16", SAME_SERIES), ("llvmpipe-22.3.0-llvm15", SAME_SERIES),
    ("llvmpipe-22.2.6-llvm15", OTHER_VERSION), ("llvmpipe-25.0.1", OTHER_VERSION),
])
def test_the_table_of_tolerances(stored, tolerance):
    assert tolerance_between(KEY, stored) == tolerance


def test_a_key_is_read_from_the_name_of_its_folder():
    assert Key.parse(KEY) == Key("llvmpipe", (22, 3, 6), 15)
    assert Key.parse("softpipe-24.0.1") == Key("softpipe", (24, 0, 1), 0)
    assert Key.parse("apple-m2") == Key("apple-m2", (), 0)


def test_the_best_stored_picture_is_found_for_each_name(tmp_path):
    folder = GoldenFolder(tmp_path)
    assert folder.find("a", KEY) is None
    folder.write("a", "llvmpipe-21.0.0-llvm12", picture())
    folder.write("a", "softpipe-22.3.6", picture())
    assert folder.find("a", KEY)[1] == "llvmpipe-21.0.0-llvm12"
    folder.write("a", KEY, picture())
    folder.write("b", "llvmpipe-22.3.5-llvm15", picture())
    assert folder.find("a", KEY)[1] == KEY and folder.find("b", KEY)[1] == "llvmpipe-22.3.5-llvm15"
    assert folder.find("c", KEY) is None and folder.elsewhere("a") == ["llvmpipe-21.0.0-llvm12", KEY, "softpipe-22.3.6"]


def test_what_is_written_is_read_back_and_an_equal_picture_is_not_written_again(tmp_path):
    folder = GoldenFolder(tmp_path)
    path = folder.write("a", KEY, picture(1))
    assert np.array_equal(read_picture(path), picture(1))
    os.utime(path, (1, 1))
    assert folder.write("a", KEY, picture(1)) is None and path.stat().st_mtime == 1
    assert folder.write("a", KEY, picture(2)) == path and [file.name for file in path.parent.iterdir()] == ["a.png"]


def test_a_broken_golden_is_one_sentence(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no picture")
    with pytest.raises(AssetError, match=r"broken\.png: the stored picture cannot be read"):
        read_picture(tmp_path / "broken.png")


@given(st.text(max_size=200), st.text(max_size=20))
def test_default_names_are_safe_and_differ(test, module):
    name = name_of(test, module or "m")
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name) and len(name) <= 120
    assert check_name(name) == name and name_of(test + "/", module or "m") != name


def test_default_names_read_well():
    assert name_of("test_lit_box", "test_boxes") == "test_boxes.test_lit_box"
    assert name_of("test_lit_box[256-red]", "test_boxes") == "test_boxes.test_lit_box-256-red"
    assert name_of("TestBoxes::test_lit[red]", "test_boxes") == "test_boxes.TestBoxes.test_lit-red"
    assert name_of("test_a[x/y]", "t") != name_of("test_a[x:y]", "t")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a" * 121, "a\n", "é", 3, "-o"])
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(InvalidInput, match="golden name="):
        check_name(name)


@pytest.mark.parametrize("color", [None, "a.png", np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4)), np.zeros((0, 4, 4), np.uint8)])
def test_what_is_no_picture_is_refused(color):
    with pytest.raises(InvalidInput, match="golden needs a picture"):
        check_picture(color)
