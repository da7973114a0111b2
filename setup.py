"""The compiled module, and nothing else: metadata lives in pyproject.toml."""

import os
import sys
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

NATIVE = "src/metarender/_native/"
if sys.platform == "win32":
    flags, link = ["/O2", "/fp:precise", "/std:c11"], []
else:
    # No -march, no fast-math, no contraction: every instruction-set level must give the same bits.
    flags = ["-std=c11", "-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]
    link = ["-lm"]
# The limited API of Python 3.11, the first with the buffer protocol: one build serves that version and every later one.
macros: list[tuple[str, str | None]] = [("Py_LIMITED_API", "0x030B0000")]
if os.environ.get("METARENDER_SANITIZE"):
    flags += ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-UNDEBUG"]
    link += ["-fsanitize=address,undefined"]
if os.environ.get("METARENDER_COVERAGE"):
    flags += ["-O0", "--coverage"]
    link += ["--coverage"]

core = Extension(
    "metarender._core",
    ["src/metarender/_core.pyx", *sorted(glob(NATIVE + "*.c"))],
    include_dirs=[NATIVE],
    depends=glob(NATIVE + "*.h") + glob(NATIVE + "*.inl"),
    extra_compile_args=flags,
    extra_link_args=link,
    define_macros=macros,
    py_limited_api=True,
)
setup(
    ext_modules=cythonize([core], build_dir="build/cython", language_level=3),
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
