"""Loading in a thread of its own, so that a window stays alive meanwhile."""

from __future__ import annotations

import os
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from . import Limits, Progress, checked_path, load

if TYPE_CHECKING:
    from ..scene import Scene


class _Cancelled(BaseException):
    """Unwinds a load that nobody waits for; no loader catches it."""


def load_async(path: str | os.PathLike[str], *, progress: Progress | None = None, scene: int | str | None = None,
               limits: Limits | None = None, **options: Any) -> Future[Scene]:
    """Load a file in a thread of its own.

    The thread reads, decodes and builds; the finished scene is handed over with the result and belongs to whoever takes it.
    Reading, decoding of pictures and array work release the interpreter lock, so other threads keep most of their speed.

    Parameters
    ----------
    path, scene, limits, **options
        As for :func:`load`.
    progress : callable, optional
        Called as ``progress(done, total)`` **on the loading thread**: hand what it says to your own thread, for example by setting a
        variable that ``Viewer`` code reads, or by ``other_scene.post``. What it raises ends the load and is delivered by the future.

    Returns
    -------
    concurrent.futures.Future of Scene
        ``result()`` returns the Scene or raises what :func:`load` raises. ``cancel()`` works until the scene is handed over: the
        future is cancelled at once, and the thread stops where it next reports progress. ``running()`` is False until the hand-over.

    Raises
    ------
    InvalidInput
        An argument has the wrong type.

    Examples
    --------
    >>> loading = mr.load_async("factory.glb")
    >>> while viewer.step():
    ...     if loading is not None and loading.done():
    ...         viewer.scene, loading = loading.result(), None
    """
    checked_path(path, limits)
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress must be callable, not {type(progress).__name__}.")
    future: Future[Scene] = Future()

    def report(done: int, total: int) -> None:
        if future.cancelled():
            raise _Cancelled
        if progress is not None:
            progress(done, total)

    arguments: dict[str, Any] = {"progress": report, "scene": scene, "limits": limits, **options}
    Thread(target=_run, args=(future, path, arguments), name=f"metarender load {os.fspath(path)!r}", daemon=True).start()
    return future


def _run(future: Future[Scene], path: Any, arguments: dict[str, Any]) -> None:
    """Deliver what `load` returns or raises, unless the future was cancelled; the scene of a cancelled load is dropped here."""
    result: Scene | None = None
    problem: BaseException | None = None
    try:
        result = load(path, **arguments)
    except BaseException as error:  # whatever it is, it belongs to the one who waits
        problem = error
    if not future.set_running_or_notify_cancel():
        return
    if result is not None:
        future.set_result(result)
    else:
        future.set_exception(problem)
