"""The rules of glTF 2.0 about skins: a matrix for each joint, the skeleton above all joints, and joints in the scene of their mesh."""

from __future__ import annotations

from typing import Any

from .gltf_layout import format_name, format_of
from .gltf_mesh_rules import Usage
from .gltf_schema import Fault


def check_skins(document: dict[str, Any], usage: Usage, parents: list[int]) -> None:
    """Check every skin, and how nodes use them.

    Parameters
    ----------
    parents : list of int
        Parent of each node, -1 for roots; without loops.

    Raises
    ------
    Fault
    """
    skins = document.get("skins")
    if skins is None:
        return
    ancestry = Ancestry(parents)
    roots = []
    for index, skin in enumerate(skins):
        try:
            roots.append(_check_joints(skin, ancestry))
            if (number := skin.get("inverseBindMatrices")) is not None:
                _check_matrices(document["accessors"][number], len(skin["joints"]))
                usage.other(number, "IBM", "SKIN_IBM_ACCESSOR_WITH_BYTESTRIDE", "inverseBindMatrices")
        except Fault as fault:
            fault.path += [index, "skins"]
            raise
    _check_scenes(document, ancestry, roots)


class Ancestry:
    """Answers who is above whom in a forest, in constant time after one pass over it."""

    def __init__(self, parents: list[int]) -> None:
        self.parents = parents
        children: list[list[int]] = [[] for _ in parents]
        roots: list[int] = []
        for index, parent in enumerate(parents):
            (roots if parent < 0 else children[parent]).append(index)
        self._first = [0] * len(parents)
        self._last = [0] * len(parents)
        self.root = [0] * len(parents)
        order = self._number(roots, children)
        for index in reversed(order):
            self._last[index] = max([self._first[index]] + [self._last[child] for child in children[index]])

    def _number(self, roots: list[int], children: list[list[int]]) -> list[int]:
        """Number the nodes parents first, each subtree in one run; return that order."""
        order: list[int] = []
        pending = roots[::-1]
        while pending:
            index = pending.pop()
            self._first[index] = len(order)
            self.root[index] = index if self.parents[index] < 0 else self.root[self.parents[index]]
            order.append(index)
            pending += reversed(children[index])
        return order

    def spans(self, above: int, first: int, last: int) -> bool:
        """Whether `above` is, or is above, all nodes with numbers from `first` to `last`."""
        return self._first[above] <= first and last <= self._last[above]

    def extent(self, nodes: list[int]) -> tuple[int, int]:
        """Return the lowest and highest number of some nodes."""
        numbers = [self._first[node] for node in nodes]
        return min(numbers), max(numbers)


def _check_joints(skin: dict[str, Any], ancestry: Ancestry) -> int:
    """Check the skeleton node; return the root of the tree that all joints are in, -1 where they are in several."""
    joints: list[int] = skin["joints"]
    skeleton = skin.get("skeleton")
    if skeleton is not None and not ancestry.spans(skeleton, *ancestry.extent(joints)):
        raise Fault("SKIN_SKELETON_INVALID", f"Node {skeleton} is not above all joints.", "skeleton")
    found = {ancestry.root[joint] for joint in joints}
    return found.pop() if len(found) == 1 else -1


def _check_matrices(accessor: dict[str, Any], joints: int) -> None:
    if format_of(accessor) != ("MAT4", 5126, False):
        raise Fault("SKIN_IBM_INVALID_FORMAT", f"Inverse bind matrices cannot be {format_name(accessor)}.", "inverseBindMatrices")
    if accessor["count"] < joints:
        message = f"{accessor['count']} inverse bind matrices are too few for {joints} joints."
        raise Fault("INVALID_IBM_ACCESSOR_COUNT", message, "inverseBindMatrices")


def _check_scenes(document: dict[str, Any], ancestry: Ancestry, roots: list[int]) -> None:
    """Check that every scene with a skinned mesh holds the joints too."""
    scenes: dict[int, set[int]] = {}
    for number, scene in enumerate(document.get("scenes", ())):
        for node in scene.get("nodes", ()):
            scenes.setdefault(node, set()).add(number)
    nothing: set[int] = set()
    for index, node in enumerate(document.get("nodes", ())):
        if (skin := node.get("skin")) is None or roots[skin] < 0:
            continue
        if not scenes.get(ancestry.root[index], nothing) <= scenes.get(roots[skin], nothing):
            raise Fault("NODE_SKIN_NO_SCENE", "A scene has this node, but not the joints of its skin.", index, "nodes")
