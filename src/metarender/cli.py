"""The command line: ``metarender render | view | info | convert | check | capture | replay | bench | doctor | demo | report``. Angles in
degrees; exit code 0, or 1 with a sentence."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ._version import __version__
from .errors import InvalidInput, MetarenderError
from .progress import ProgressLine

if TYPE_CHECKING:
    from .animation import Clip
    from .camera import PerspectiveCamera
    from .scene import Scene

    Commands = argparse._SubParsersAction["_Parser"]

TONE_MAPPINGS = ("neutral", "aces", "agx", "none")
DEFAULT_DIRECTION = (30.0, 65.0)
"""Degrees of theta and phi where only a target is given; what framing a scene uses too."""


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are one sentence and exit code 1, like every other failure."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        # argparse takes -1e-3 for an option otherwise.
        self._negative_number_matcher = re.compile(r"^-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message}; see {self.prog} --help\n")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text)
    if match is None or not (int(match[1]) and int(match[2])):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x720")
    return int(match[1]), int(match[2])


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of frames from 1 to 999999")
    return int(text)


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def _add_look(parser: argparse.ArgumentParser) -> None:
    """Options that ``render`` and ``view`` share."""
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="pixels (default: 1280x720)")
    parser.add_argument(
        "--orbit", nargs=3, type=_finite, metavar=("THETA", "PHI", "RADIUS"),
        help="camera on a sphere around the target: degrees about +Y from +Z, degrees from +Y, metres (default: frame the scene)",
    )  # fmt: skip
    parser.add_argument("--target", nargs=3, type=_finite, metavar=("X", "Y", "Z"), help="metres (default: centre of the scene)")
    parser.add_argument("--fov", type=_finite, default=45.0, metavar="DEG", help="vertical field of view (default: 45)")
    parser.add_argument("--environment", metavar="FILE.hdr", help="light from a panorama (default: the built-in studio)")
    parser.add_argument("--tone-mapping", choices=TONE_MAPPINGS, default="neutral", help="(default: neutral)")
    parser.add_argument("--exposure", type=_finite, default=1.0, metavar="E", help="factor on the light (default: 1)")
    parser.add_argument("--background", metavar="COLOR", help="a colour, transparent or environment (default: transparent)")
    parser.add_argument("--point-size", type=_finite, default=1.0, metavar="N", help="edge of a point of a cloud, pixels (default: 1)")
    parser.add_argument("--msaa", type=int, default=4, metavar="N", help="samples per pixel (default: 4)")


def _add_pose(parser: argparse.ArgumentParser) -> None:
    """Options that pose a model by one of its clips."""
    parser.add_argument("--clip", metavar="NAME", help="pose the model by a clip, by name or number; `metarender info` lists them")
    where = "where in the clip, or in a simulation (default: its start; without --clip that of the first)"
    parser.add_argument("--time", type=_finite, metavar="SECONDS", help=where)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(prog="metarender", description="Real-time rendering of scenes, in a window or without a display.")
    parser.add_argument("--version", action="version", version=f"metarender {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_pictures(commands)
    _add_files(commands)
    _add_regression(commands)
    _add_machine(commands)
    return parser


def _add_pictures(commands: Commands) -> None:
    """What shows a model."""
    render = commands.add_parser("render", help="draw a model into a picture; needs no display")
    render.add_argument("model", metavar="MODEL", help="a file that can be loaded: glTF, USD, OBJ, STL, PLY, 3MF, LAS, XYZ")
    render.add_argument("-o", "--output", required=True, metavar="OUT.png", help="the picture")
    _add_look(render)
    _add_pose(render)
    render.add_argument("--stats", metavar="FILE.json", help="write the frame's counters")
    render.set_defaults(run=_render)

    view = commands.add_parser("view", help="show a model in a window")
    view.add_argument("model", metavar="MODEL", help="a file that can be loaded: glTF, USD, OBJ, STL, PLY, 3MF, LAS, XYZ")
    _add_look(view)
    view.add_argument("--clip", metavar="NAME", help="the clip that plays, by name or number (default: the first; the space bar stops it)")
    view.set_defaults(run=_view)

    demo = commands.add_parser("demo", help="show a production line of a hundred thousand parts; a picture where there is no display")
    demo.add_argument("-o", "--output", metavar="OUT.png", help="write a picture instead of opening a window")
    demo.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="pixels (default: 1280x720)")
    demo.set_defaults(run=_demo)


def _add_files(commands: Commands) -> None:
    """What looks at files and makes others."""
    info = commands.add_parser("info", help="tell what is in a model")
    info.add_argument("model", metavar="MODEL", help="a file that can be loaded: glTF, USD, OBJ, STL, PLY, 3MF, LAS, XYZ")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=_info)

    convert = commands.add_parser("convert", help="load a model and save it in another format")
    convert.add_argument("model", metavar="IN", help="a file that can be loaded")
    convert.add_argument("output", metavar="OUT", help="the file to write; its suffix names the format")
    convert.add_argument("--unit", metavar="UNIT", help="unit of OUT, where its format has none of its own, such as millimetre or inch")
    convert.add_argument("--up", choices=("y", "z"), help="axis of OUT that points up, where its format does not say")
    convert.add_argument("--strict", action="store_true", help="for STL and 3MF: fail where the surface is not closed")
    convert.set_defaults(run=_convert)

    check = commands.add_parser("check", help="tell whether a model can be printed, and where its surface is not closed")
    check.add_argument("model", metavar="MODEL", help="a file that can be loaded")
    check.set_defaults(run=_check)


def _add_regression(commands: Commands) -> None:
    """What holds pictures and times against those of before."""
    capture = commands.add_parser("capture", help="write a frame with all that it needs into one file, for a bug report")
    capture.add_argument("model", metavar="MODEL", help="a file that can be loaded: glTF, USD, OBJ, STL, PLY, 3MF, LAS, XYZ")
    capture.add_argument("-o", "--output", required=True, metavar="BUG.mrz", help="the capture")
    pictures = ("color", "depth", "ids")
    capture.add_argument("--outputs", nargs="+", choices=pictures, default=["color"], help="pictures to keep (default: color)")
    _add_look(capture)
    _add_pose(capture)
    capture.set_defaults(run=_capture)

    replay = commands.add_parser("replay", help="draw a capture again; exit code 1 where the same driver gives other bytes")
    replay.add_argument("capture", metavar="BUG.mrz", help="what `metarender capture` or metarender.capture wrote")
    replay.add_argument("-o", "--output", metavar="OUT.png", help="write the picture")
    replay.add_argument("--trusted", action="store_true", help="lift the limits on what the file may cost")
    replay.set_defaults(run=_replay)

    bench = commands.add_parser("bench", help="fly round a model: times of passes on CPU and GPU, exact counters, a baseline")
    bench.add_argument("model", metavar="MODEL", help="a file that can be loaded: glTF, USD, OBJ, STL, PLY, 3MF, LAS, XYZ")
    bench.add_argument("--frames", type=_count, default=30, metavar="N", help="frames of one turn; six turns are flown (default: 30)")
    _add_look(bench)
    bench.add_argument("--json", metavar="OUT.json", help="write the result, for --compare")
    bench.add_argument("--compare", metavar="BASELINE.json", help="fail where a counter changed; show times as ratios")
    bench.add_argument("--fail-above", type=_finite, metavar="RATIO", help="with --compare: fail where a frame takes more times as long")
    bench.add_argument("--history", metavar="FILE.jsonl", help="add the result as a line")
    bench.set_defaults(run=_bench)

    report = commands.add_parser("report", help="join the pages that the pytest plugin writes about failed pictures into one")
    report.add_argument("folder", metavar="DIR", help="what --metarender-report named")
    report.add_argument("-o", "--output", metavar="OUT.html", help="the page (default: index.html in DIR)")
    report.set_defaults(run=_report)


def _add_machine(commands: Commands) -> None:
    """What looks at the machine."""
    doctor = commands.add_parser("doctor", help="tell what this machine can draw with, and how to mend it")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=_doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = make_parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return int(options.run(options) or 0)
        except MetarenderError as error:
            return _fail(str(error))
        except OSError as error:
            return _fail(f"{error.filename or 'a file'}: {error.strerror or error}.")
        except KeyboardInterrupt:
            return _fail("stopped by the keyboard.")


def _fail(sentence: str) -> int:
    print(f"metarender: {' '.join(sentence.split())}", file=sys.stderr)
    return 1


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    print(f"metarender: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _load(options: argparse.Namespace) -> Scene:
    from .io import load

    with ProgressLine(sys.stderr, f"loading {Path(options.model).name}") as progress:
        return load(options.model, progress=progress)


def _prepare(options: argparse.Namespace) -> tuple[Scene, PerspectiveCamera]:
    """The scene and camera that the options describe. Options are checked before the model is read."""
    from .camera import PerspectiveCamera
    from .environment import Environment

    camera = PerspectiveCamera(fov=options.fov)
    environment = Environment.from_file(options.environment) if options.environment else None
    scene = _load(options)
    if environment is not None:
        scene.environment = environment
    if options.background is not None:
        scene.background = options.background
    _pose(scene, getattr(options, "clip", None), getattr(options, "time", None))
    return scene, _aim(camera, scene, options)


def _clip_of(scene: Scene, name: str | None) -> Clip:
    """The clip that an option names; the first one for None."""
    known = ", ".join(repr(clip.name) for clip in scene.clips)
    numbered = name is not None and name.isascii() and name.isdigit() and len(name) < 7 and int(name) < len(scene.clips)
    if name is None and len(scene.clips):
        return scene.clips[0]
    if name is not None and any(clip.name == name for clip in scene.clips):
        return scene.clips[name]
    if name is not None and numbered:
        return scene.clips[int(name)]
    if not len(scene.clips):
        raise InvalidInput(f"the model has no clip{'s' if name is None else f' {name!r} nor any other'}; leave out what poses it.")
    raise InvalidInput(f"the model has no clip {name!r}; use one of its clips: {known}.")


def _pose(scene: Scene, clip: str | None, seconds: float | None) -> None:
    """Pose the scene as ``render --clip --time`` says, before the camera is aimed at it."""
    if clip is None and seconds is None:
        return
    if clip is not None or len(scene.clips) or not any(len(field.times) > 1 for field in scene.fields):  # a simulation needs no clip
        scene.play(_clip_of(scene, clip), loop="once")
    scene.at(seconds or 0.0)


def _aim(camera: PerspectiveCamera, scene: Scene, options: argparse.Namespace) -> PerspectiveCamera:
    bounds = scene.bounds
    target = options.target
    if target is None:
        target = (0.0, 0.0, 0.0) if bounds is None else tuple(bounds.mean(axis=0))
    if options.orbit is not None:
        theta, phi, radius = options.orbit
        if radius < 0:
            raise InvalidInput(f"--orbit has radius {radius:g}; give 0 or more metres.")
        camera.orbit(math.radians(theta), math.radians(phi), radius, target)
        return camera
    theta, phi = map(math.radians, DEFAULT_DIRECTION)
    camera.orbit(theta, phi, 1.0, target)
    if bounds is not None:
        camera.frame(bounds, options.size[0] / options.size[1])
        if options.target is not None:
            distance = float(((camera.position - bounds.mean(axis=0)) ** 2).sum()) ** 0.5
            camera.orbit(theta, phi, distance, target)
    return camera


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """What `_add_look` lets one set on a renderer."""
    return {name: getattr(options, name) for name in ("msaa", "tone_mapping", "exposure", "point_size")}


def _render(options: argparse.Namespace) -> None:
    from .renderer import Renderer

    scene, camera = _prepare(options)
    with Renderer(options.size, **_settings(options)) as renderer:
        frame = renderer.render(scene, camera)
        frame.save(options.output)
        if options.stats:
            Path(options.stats).write_text(frame.stats.to_json() + "\n", encoding="utf-8")


def _view(options: argparse.Namespace) -> None:
    from .viewer import view

    name, options.clip = options.clip, None
    scene, camera = _prepare(options)
    if name is not None or len(scene.clips):
        scene.play(_clip_of(scene, name))
    title = Path(options.model).name
    view(scene, camera=camera, size=options.size, title=title, **_settings(options))


def _info(options: argparse.Namespace) -> None:
    from .inventory import describe, inventory

    facts = inventory(_load(options)) | {"file": options.model}
    print(json.dumps({"schema": 1, **facts}, indent=2) if options.json else describe(facts))


def _convert(options: argparse.Namespace) -> None:
    from .io import save

    chosen = {name: value for name in ("unit", "up", "strict") if (value := getattr(options, name))}
    save(_load(options), options.output, **chosen)


def _check(options: argparse.Namespace) -> int:
    from .solid import check_solid

    report = check_solid(_load(options))
    print(f"{options.model}\n{report}")
    return 0 if report.printable else _fail(f"{options.model} cannot be printed: {report.summary}; mend it in the program that made it.")


def _capture(options: argparse.Namespace) -> None:
    from .captures.command import run_capture

    scene, camera = _prepare(options)
    settings = {"size": options.size, **_settings(options)}
    run_capture(scene, camera, options.output, options.outputs, settings)


def _replay(options: argparse.Namespace) -> int:
    from .captures.command import run_replay

    return run_replay(options.capture, options.output, options.trusted)


def _bench(options: argparse.Namespace) -> int:
    from .bench import run

    failure = run(options, _prepare)
    return _fail(failure) if failure else 0


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import describe, examine

    report = examine()
    print(json.dumps(report, indent=2) if options.json else describe(report))
    if report["ok"]:
        return 0
    return _fail(f"no backend can draw; {report['remedy'] or 'see the fixes above.'}")


def _demo(options: argparse.Namespace) -> None:
    from .demos.command import run

    run(options.size, options.output)


def _report(options: argparse.Namespace) -> None:
    from .testing.page import read_cases, write_page

    cases = read_cases(Path(options.folder))
    output = Path(options.output or Path(options.folder) / "index.html")
    write_page(cases, output, "metarender: failed pictures")
    print(f"{output}: {len(cases)} pictures")


if __name__ == "__main__":
    sys.exit(main())
