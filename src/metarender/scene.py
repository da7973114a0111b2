"""Scene: nodes with meshes, lights and cameras over the compiled Store; knows no renderer and no window.

One room because it is one class and half of it documentation: each method is short, and the work is in _core, descriptions, bulk, queries,
animation and part_state. Mixins would share its private attributes and hide which of them a method needs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import part_state
from ._core import ROOT, Node, Store, add_node, copy_poses, skin_of, unbind
from .animation.clips import Clip, Clips, checked_seconds
from .animation.mixing import Action, Player
from .bulk import add_many
from .camera import Camera
from .color import Color, to_linear
from .colormap import Colormap
from .deformation import Skin
from .descriptions import Descriptions
from .errors import InvalidInput
from .field import Field
from .geometry import Geometry, Mesh
from .legend import Legend
from .lights import Light
from .materials import Material
from .memory import SceneMemory
from .names import NameColumn, encode
from .origin import KeptFile
from .parts import Parts
from .queries import ALL_LAYERS, Hit, Queries

if TYPE_CHECKING:
    from .environment import Environment

__all__ = ["Node", "Nodes", "Scene"]

_UNSET: Any = object()


class Nodes:
    """The nodes of a scene, parents before children, each parent's children in the order they were added.

    Iterating takes a snapshot: nodes may be added or removed meanwhile (a removed one raises when it is used).
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def __len__(self) -> int:
        return self._store.node_count

    def __iter__(self) -> Iterator[Node]:
        return (Node(self._store, number) for number in self._store.subtree().tolist())

    def __contains__(self, node: object) -> bool:
        return isinstance(node, Node) and node.store is self._store and node.alive


def _choice(value: ArrayLike, what: str, count: int) -> NDArray[np.uint32]:
    """(n,) indices below `count`, checked."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise InvalidInput(f"{what} must be whole numbers of shape (n,), got rows of different lengths") from None
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise InvalidInput(f"{what} must be whole numbers of shape (n,), got dtype {array.dtype} and shape {array.shape}")
    if not array.size:
        raise InvalidInput(f"{what} is empty: add_parts() needs at least one part")
    if array.min() < 0 or array.max() >= count:
        row = int(np.argmax((array < 0) | (array >= count)))
        raise InvalidInput(f"{what} must lie in 0 .. {count - 1}, got {array[row]} in row {row}")
    return array.astype(np.uint32)


def _check_joints(mesh: Mesh | None, count: int) -> None:
    """Refuse a mesh that cannot follow `count` joints."""
    needed = [int(geometry.joints.max()) + 1 for geometry, _ in mesh.primitives if geometry.joints is not None] if mesh is not None else []
    if not needed:
        raise InvalidInput("the node has no mesh with joints to follow; give its geometry joints and weights")
    if max(needed) > count:
        raise InvalidInput(f"the mesh follows joint {max(needed) - 1} but the skin has {count} joints; joints count from 0")


class Scene:
    """What there is to draw.

    A new scene has the studio environment, no lights, and a transparent background. One thread uses a scene at a time;
    another thread may hand work over with :meth:`post`.

    Attributes
    ----------
    store : Store
        The compiled arrays behind the scene; renderers read it.
    light_changes : int
        Grows when the set of lights or one of them changes.
    """

    def __init__(self) -> None:
        self.store = Store()
        self.store.owner = self
        self._tables = Descriptions(self.store)
        self.light_changes = 0
        self._names: dict[int, str] = {}
        self._name_columns: list[NameColumn] = []
        self._meshes: dict[int, Mesh] = {}
        self._lights: dict[int, Light] = {}
        self._cameras: dict[int, Camera] = {}
        self._extras: dict[int, dict[str, Any]] = {}
        self._ranges: dict[int, tuple[Mesh | None, str]] = {}
        self.kept: list[KeptFile] = []
        """What the files of this scene hold besides what the scene shows, for saving; ``kept.clear()`` lets go of it."""
        self._posted: deque[Callable[[], object]] = deque()
        self._environment: Any = _UNSET
        self._background: Color = "transparent"
        self.background_color: tuple[float, float, float, float] | None = None
        """Linear RGB and straight alpha of `background`, None where it names no colour; read-only."""
        self._colormap = Colormap.heat()
        self._legends: tuple[Legend, ...] = ()
        self._asked: Queries | None = None
        self._clips = Clips(self.store)
        self._player = Player(self.store)

    # ---- what a user calls ----

    def add(self, thing: Mesh | Light | Camera | Scene | None = None, parent: Node | None = None, *, position: ArrayLike | None = None,
            rotation: ArrayLike | None = None, scale: ArrayLike | float | None = None, matrix: ArrayLike | None = None,
            name: str = "") -> Node:
        """Add a node.

        Parameters
        ----------
        thing : Mesh, Light, Camera, Scene or None
            What sits at the node. A Scene is copied under it (geometries and materials are shared); None makes a group.
        parent : Node, optional
            A node of this scene; the top level by default.
        position : (3,) float, optional
            Metres, relative to the parent.
        rotation : (4,) float, optional
            Quaternion xyzw.
        scale : (3,) float or float, optional
        matrix : (4, 4), optional
            Column convention, instead of the other three. pyrr matrices are transposed.
        name : str

        Returns
        -------
        Node

        Raises
        ------
        InvalidInput
            Wrong kinds, shapes or values; nothing is added then.
        """
        if parent is not None and not isinstance(parent, Node):
            raise InvalidInput(f"parent must be a Node or None, got {type(parent).__name__}")
        if thing is not None and not isinstance(thing, (Mesh, Light, Camera, Scene)):
            raise InvalidInput(f"add() takes a Mesh, Light, Camera, Scene or None, got {type(thing).__name__}")
        if thing is self:
            raise InvalidInput("a scene cannot be added to itself; make a copy first with Scene().add(scene)")
        if matrix is not None and not (position is None and rotation is None and scale is None):
            raise InvalidInput("give either matrix, or position, rotation and scale")
        mesh = thing if isinstance(thing, Mesh) else None
        node = add_node(self.store, parent, None if mesh is None else self._tables.draws(mesh))
        try:
            self._place(node, position, rotation, scale, matrix)
            if name:
                self._set_name(node.id, name)
            if mesh is not None:
                self._meshes[node.id] = mesh
                if mesh.weights.size:
                    self.store.hold_weights([node.id], mesh.weights)
            elif thing is not None:
                self._attach(node, thing)
        except BaseException:
            node.remove()
            raise
        return node

    def add_many(self, parents: ArrayLike, names: Sequence[str] | None = None, meshes: Sequence[Mesh | None] | None = None
                 ) -> NDArray[np.uint32]:
        """Add a whole tree of nodes at the identity in one call, as loaders do; place them with :meth:`set`.

        Parameters
        ----------
        parents : (n,) int
            Row of each node's parent, smaller than its own, or -1 for the top level.
        names : n strings, optional
        meshes : n of Mesh or None, optional

        Returns
        -------
        (n,) uint32
            Public ids in the order of the rows.

        Raises
        ------
        InvalidInput
            A parent does not come before its child, or a list has another length or kind; nothing is added then.
        """
        return add_many(self, parents, names, meshes)

    def add_instances(self, geometry: Geometry, material: Material, count: int | None = None, *, matrices: ArrayLike | None = None,
                      parent: Node | None = None, name: str = "") -> Parts:
        """Add many nodes that draw the same thing and are edited through arrays.

        Parameters
        ----------
        geometry : Geometry
        material : Material
        count : int
            How many, at the identity; or give `matrices`.
        matrices : (n, 4, 4) or (n, 3, 4)
            Local matrices, column convention.
        parent : Node, optional
        name : str
            Of the range; the nodes have none.

        Returns
        -------
        Parts

        Notes
        -----
        A geometry with morphs: below a node with as many morph weights, which follows no joints, the parts show those of the node,
        each under its own matrix; so one row of weights, or one clip, animates them all. A part whose own weights are set keeps these
        from then on, and so does one that leaves the range. Anywhere else each part has weights of its own, 0 at first.
        A geometry with joints: bind single parts, ``scene.bind(parts[0], skin, joints)``; till then they draw at rest.
        """
        if (count is None) == (matrices is None):
            raise InvalidInput("add_instances() takes either count or matrices")
        number = count if matrices is None else len(np.atleast_1d(np.asarray(matrices)))
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
            raise InvalidInput(f"an Instances needs at least one member, got count {number!r}")
        if number > 0xFFFFFF:
            raise InvalidInput(f"count must be a whole number in 1 .. 16777215, got {number!r}")
        rows = np.broadcast_to(np.eye(4), (int(number), 4, 4)) if matrices is None else matrices
        mesh = Mesh(geometry, material, name=name)
        zeros = np.zeros(int(number), dtype=np.uint32)
        return self._add_parts([geometry], [material], zeros, zeros, rows, parent, mesh, name)[0]

    def add_parts(self, geometries: Sequence[Geometry], materials: Sequence[Material], geometry_index: ArrayLike, material_index: ArrayLike,
                  matrices: ArrayLike, *, parent: Node | None = None, names: Sequence[str] | None = None, name: str = "") -> Parts:
        """Add many parts from arrays in one call; each is a node with an id, and no Python object is made for it.

        Parameters
        ----------
        geometries : sequence of Geometry
        materials : sequence of Material
        geometry_index, material_index : (n,) whole numbers
            Which of the two each part draws.
        matrices : (n, 4, 4) or (n, 3, 4) float64
            Local matrices, column convention, metres.
        parent : Node, optional
        names : sequence of str, optional
            Name of each part's node, kept in columns.
        name : str
            Of the range. Morphs and joints: as in :meth:`add_instances`.

        Returns
        -------
        Parts
            ``parts.ids`` are the public ids in the order given.

        Raises
        ------
        InvalidInput
            Wrong kinds, shapes or values; nothing is added then.
        """
        for what, things, kind in (("geometries", geometries, Geometry), ("materials", materials, Material)):
            if not isinstance(things, Sequence):
                raise InvalidInput(f"{what} must be a sequence of {kind.__name__}, such as a list, got {type(things).__name__}")
            for row, thing in enumerate(things):
                if not isinstance(thing, kind):
                    raise InvalidInput(f"{what} must be a sequence of {kind.__name__}, got {type(thing).__name__} in row {row}")
        geometry = _choice(geometry_index, "geometry_index", len(geometries))
        material = _choice(material_index, "material_index", len(materials))
        if geometry.shape == material.shape:  # what differs in length is refused with the rest
            for pair in np.unique(geometry.astype(np.uint64) << np.uint64(32) | material).tolist():
                materials[pair & 0xFFFFFFFF].check_geometry(geometries[pair >> 32])
        columns = None if names is None else encode(names, len(geometry))
        mesh = Mesh(geometries[0], materials[0], name=name) if len(geometries) == len(materials) == 1 else None
        parts, ids = self._add_parts(geometries, materials, geometry, material, matrices, parent, mesh, name)
        if columns is not None:
            self._name_columns.append(NameColumn(ids, *columns))
        return parts

    def _add_parts(self, geometries: Sequence[Geometry], materials: Sequence[Material], geometry_index: NDArray[np.uint32],
                   material_index: NDArray[np.uint32], matrices: ArrayLike, parent: Node | None, mesh: Mesh | None,
                   name: str) -> tuple[Parts, NDArray[np.uint32]]:
        if parent is not None and (not isinstance(parent, Node) or parent.store is not self.store):
            raise InvalidInput("parent must be a Node of this scene or None")
        geometry = np.array([self._tables.geometry(g) for g in geometries], dtype=np.uint32)
        material = np.array([self._tables.material(m) for m in materials], dtype=np.uint32)
        try:
            ids, number = self.store.add_parts(ROOT if parent is None else parent.id, matrices, geometry[geometry_index],
                                               material[material_index])
        except BaseException:
            self._tables.collect()
            raise
        self._ranges[number] = mesh, name
        shared = 0 if parent is None or parent.skin is not None else len(parent.weights)
        morphs = np.array([len(each.morphs) for each in geometries])[geometry_index]
        for count in np.unique(morphs[(morphs > 0) & (morphs != shared)]).tolist():
            self.store.hold_weights(ids[morphs == count], np.zeros(count, np.float32))
        return Parts(self, number, mesh, name), ids

    def set(self, ids: ArrayLike | Sequence[Node], *, position: ArrayLike | None = None, rotation: ArrayLike | None = None,
            scale: ArrayLike | None = None, matrix: ArrayLike | None = None) -> None:
        """Set transforms of n nodes in one call, local to their parents.

        Parameters
        ----------
        ids : (n,) uint32, or a sequence of Node
        position : (n, 3) float64, metres
        rotation : (n, 4), quaternions xyzw
        scale : (n, 3)
        matrix : (n, 4, 4), instead of the other three

        Raises
        ------
        InvalidInput, ReleasedError
            Wrong shapes or values, unknown ids; nothing is changed then.
        """
        self.store.set(ids, position=position, rotation=rotation, scale=scale, matrix=matrix)

    def bind(self, node: Node, skin: Skin | None, joints: Sequence[Node] | ArrayLike = ()) -> None:
        """Let the mesh of a node follow joints, wherever they go from now on: its vertices leave the space of the node.

        Parameters
        ----------
        node : Node
            With a mesh that has a geometry with joints.
        skin : Skin or None
            None lets it follow nothing: it draws at rest again, at its own place.
        joints : sequence of Node, or (j,) uint32 ids
            Nodes of this scene, one for each joint of the skin.

        Raises
        ------
        InvalidInput, ReleasedError
            Another number of joints than the skin has, a mesh without joints or with more than the skin has, or unknown nodes.

        Notes
        -----
        Removing a joint lets all nodes that follow it follow nothing any more. Nodes with the same skin and joints share what is computed.
        """
        if isinstance(node, Parts):
            raise InvalidInput("bind() takes one Node: a skin puts what it moves where the joints are, so all parts would stand at the "
                               "same place; bind each part to joints of its own, such as scene.bind(parts[0], skin, joints)")
        if not isinstance(node, Node) or node.store is not self.store:
            raise InvalidInput(f"bind() takes a Node of this scene, got {type(node).__name__}")
        if skin is None:
            unbind(self.store, node.id)
            self._tables.collect()
            return
        if not isinstance(skin, Skin):
            raise InvalidInput(f"skin must be a Skin or None, got {type(skin).__name__}")
        _check_joints(self._mesh_of(node.id), len(skin))
        try:
            self.store.bind(node.id, self._tables.skin(skin), joints)
        finally:
            self._tables.collect()

    @property
    def nodes(self) -> Nodes:
        """Every node, parents first; has a length."""
        return Nodes(self.store)

    @property
    def cameras(self) -> list[Node]:
        """Nodes that carry a camera, in the order of their ids."""
        return self._handles(self._cameras)

    @property
    def lights(self) -> list[Node]:
        """Nodes that carry a light, in the order of their ids."""
        return self._handles(self._lights)

    @property
    def parts(self) -> list[Parts]:
        """Every Parts that has members, those of files and of added scenes too; as they were made, unless one was removed between."""
        return [Parts(self, number, *self._ranges.get(number, (None, ""))) for number in self.store.range_numbers]

    def subtree(self, node: Node | None = None) -> NDArray[np.uint32]:
        """Return the ids of a node and of everything below it, or of all nodes, (n,) uint32, parents first.

        Raises
        ------
        InvalidInput, ReleasedError
            Not a node of this scene, or one that was removed.
        """
        if node is not None and (not isinstance(node, Node) or node.store is not self.store):
            raise InvalidInput(f"subtree() takes a Node of this scene or None, got {type(node).__name__}")
        return self.store.subtree() if node is None else self.store.subtree(node.id)

    @property
    def bounds(self) -> NDArray[np.float64] | None:
        """World box of everything drawn (hidden nodes too), (2, 3) float64 lower and upper, or None for an empty scene."""
        return self.store.bounds()

    @property
    def memory(self) -> SceneMemory:
        """What the scene holds in main memory, by what for; what renderers hold is theirs to say."""
        columns = sum(column.nbytes for column in self._name_columns)
        core = self.store.memory
        core["poses"] += self._player.nbytes
        return SceneMemory(**core, names=columns, parts=self.store.node_count)

    @property
    def names(self) -> dict[int, str]:
        """Names by public id, a copy."""
        found = {number: column.name_of(number) for column in self._name_columns for number in column.ids.tolist()}
        return found | self._names

    @property
    def environment(self) -> Environment | None:
        """Light from all around; the studio by default, None leaves only lights."""
        if self._environment is _UNSET:
            from .environment import Environment

            self._environment = Environment.studio()
        environment: Environment | None = self._environment
        return environment

    @environment.setter
    def environment(self, value: Environment | None) -> None:
        from .environment import Environment

        if value is not None and not isinstance(value, Environment):
            raise InvalidInput(f"environment must be an Environment or None, got {type(value).__name__}; "
                               "Environment.from_file(path) reads one")
        self._environment = value
        self.store.touch()

    @property
    def background(self) -> Color:
        """What is seen past the objects: "transparent", "environment" or a colour."""
        return self._background

    @background.setter
    def background(self, value: Color) -> None:
        named = isinstance(value, str) and value in ("transparent", "environment")
        self.background_color = None if named else to_linear(value, "background")
        self._background = value
        self.store.touch()

    @property
    def colormap(self) -> Colormap:
        """Ramp and range for the values of parts; `Colormap.heat()` over 0..1 by default."""
        return self._colormap

    @colormap.setter
    def colormap(self, value: Colormap) -> None:
        if not isinstance(value, Colormap):
            raise InvalidInput(f"colormap must be a Colormap such as Colormap.heat(low, high), got {type(value).__name__}")
        self._colormap = value
        self.store.touch()

    @property
    def fields(self) -> list[Field]:
        """Fields over the geometries in use, each once; ``for field in scene.fields: field.at(seconds)`` shows a moment of all."""
        return self._tables.fields

    @property
    def legends(self) -> tuple[Legend, ...]:
        """What is drawn over every picture of the scene, in order; any sequence of Legend may be assigned."""
        return self._legends

    @legends.setter
    def legends(self, value: Sequence[Legend]) -> None:
        legends = tuple(value) if isinstance(value, Sequence) else (value,)
        for legend in legends:
            if not isinstance(legend, Legend):
                raise InvalidInput(f"legends must be a sequence of Legend, such as [mr.Legend(colormap)], got {type(legend).__name__}")
        self._legends = legends
        self.store.touch()

    def node(self, number: int) -> Node:
        """Return the node with a public id, as pictures and picking report it; ReleasedError when there is none."""
        return Node(self.store, number)

    def find(self, name: str) -> Node | None:
        """Return the node with this name (the one with the lowest id index if several), or None."""
        found = [number for number, other in self._names.items() if other == name]
        if name:
            found += [number for column in self._name_columns if (number := column.find(name.encode())) is not None]
        return Node(self.store, min(found, key=lambda number: number & 0xFFFFFF)) if found else None

    def raycast(self, origin: ArrayLike, direction: ArrayLike, *, max_distance: float = math.inf, layers: int = ALL_LAYERS,
                visible_only: bool = True, back_faces: bool | None = None) -> Hit | None:
        """Find the nearest surface on a ray, without the GPU. ``camera.ray(x, y, size)`` makes the ray of a pixel.

        Exact to float64 on the triangles as they are placed, at any distance from the origin; masked and blended materials count
        as solid, lines and points are not met. Builds a hierarchy for a geometry when a ray first comes near it.

        Parameters
        ----------
        origin : (3,) float64, world space, metres
        direction : (3,) float64, world space
            Of any length above 0.
        max_distance : float, metres
        layers : int
            Mask; a node counts when its layers share a bit.
        visible_only : bool
            False also meets hidden nodes.
        back_faces : bool, optional
            None as drawn (the back sides of double-sided materials only), True all back sides, False none.

        Returns
        -------
        Hit or None
            Of equally near surfaces the one with the lower id.

        Raises
        ------
        InvalidInput
            A value is not finite, a position is beyond 1e15, or the direction is zero.
        WrongThreadError
            Another thread is inside the scene.
        """
        return self._queries().raycast(origin, direction, max_distance, layers, visible_only, back_faces)

    def raycast_many(self, origins: ArrayLike, directions: ArrayLike, *, max_distance: float = math.inf, layers: int = ALL_LAYERS,
                     visible_only: bool = True, back_faces: bool | None = None) -> NDArray[np.void]:
        """Cast n rays in one call that releases the interpreter lock; options as :meth:`raycast`.

        Parameters
        ----------
        origins, directions : (n, 3) float64, world space

        Returns
        -------
        (n,) structured array
            ``distance`` f8 (infinite for a miss), ``point`` and ``normal`` 3 f8, ``uv`` 2 f8 (NaN for a miss), ``id`` u4 (0 for a miss),
            ``geometry`` u4 (index in `geometry_list`), ``triangle`` u4, ``front`` u4 (0 or 1).
        """
        return self._queries().raycast_many(origins, directions, max_distance, layers, visible_only, back_faces)

    def query(self, *, frustum: Any = None, box: ArrayLike | None = None, sphere: tuple[ArrayLike, float] | None = None,
              ray: tuple[ArrayLike, ArrayLike] | None = None, aspect: float | None = None, layers: int | None = None,
              visible_only: bool = True) -> NDArray[np.uint32]:
        """Find the nodes in a region, without the GPU; give one of frustum, box, sphere and ray.

        What is tested is each draw's world box: the axis-aligned box about its local box, exact to float64. It may be larger than the
        triangles in it; and of a frustum it is kept where only an edge or corner of the frustum would exclude it.

        Parameters
        ----------
        frustum : Camera, a Node that carries one, or a View
        box : (2, 3) float64, world space, metres
            Lower and upper corner; touching counts.
        sphere : (centre (3,), radius), world space, metres
        ray : (origin (3,), direction (3,)), world space
        aspect : float, optional
            Width over height for a camera without an aspect of its own; 1 by default.
        layers : int, optional
            Mask; all layers by default, or those of the View.
        visible_only : bool
            False also finds hidden nodes.

        Returns
        -------
        (n,) uint32
            Public ids, each once, ascending by id index; for a ray in the order in which it enters the boxes.

        Raises
        ------
        InvalidInput
            Not exactly one region, a wrong shape, or a value that is not finite or beyond 1e15.
        """
        return self._queries().query(frustum, box, sphere, ray, aspect, layers, visible_only)

    def _queries(self) -> Queries:
        if self._asked is None:
            self._asked = Queries(self)
        return self._asked

    def post(self, fn: Callable[[], object]) -> None:
        """Queue a call to run before the next update, on the thread that updates; safe from any thread."""
        if not callable(fn):
            raise InvalidInput(f"post() takes a callable, got {type(fn).__name__}")
        self._posted.append(fn)

    @property
    def has_posted(self) -> bool:
        """Whether posted calls wait for the next update."""
        return bool(self._posted)

    def update(self) -> None:
        """Run posted calls, then bring everything derived up to date."""
        for _ in range(len(self._posted)):  # calls that they post run next time
            if not self._posted:  # one of them has updated this scene itself
                break
            self._posted.popleft()()
        self.store.update()

    def set_state(self, parts: Any, *, color: Any = None, ghost: bool | None = None, selected: bool | None = None,
                  highlighted: bool | None = None, value: ArrayLike | None = None, visible: bool | None = None) -> None:
        """Change the state of any parts in one call; what is not named stays as it is.

        Parameters
        ----------
        parts : Node, Instances, sequence of Node, or (n,) uint32 ids
        color : colour, (4,) or (n, 4) uint8 sRGB
            Blended over the material's colour by its alpha; alpha 0 takes it away.
        ghost, selected, highlighted, visible : bool
        value : float or (n,) float32
            Shown through `colormap`.

        Raises
        ------
        InvalidInput, ReleasedError
            Wrong kinds or shapes, unknown ids.
        """
        part_state.set_state(self, parts, color=color, ghost=ghost, selected=selected, highlighted=highlighted, value=value,
                             visible=visible)

    def ghost(self, parts: Any, on: bool = True) -> None:
        """Draw parts as a pale film through which the rest is seen, False makes them solid again; `subtree` gives what is below a group."""
        part_state.set_state(self, parts, ghost=on)

    def isolate(self, parts: Any) -> None:
        """Show only parts, what is below them, and what they hang from."""
        part_state.isolate(self, parts)

    def show_all(self) -> None:
        """Show everything again: every node visible, no ghosts."""
        part_state.show_all(self)

    # ---- time ----

    @property
    def clips(self) -> Clips:
        """Clips by number or name, such as ``scene.clips["walk"]``: those of the file, of added scenes, and of :meth:`add_clip`."""
        return self._clips

    @property
    def actions(self) -> list[Action]:
        """What plays, oldest first."""
        return self._player.playing

    @property
    def playing(self) -> bool:
        """Whether `at` has something to do: actions, or fields with several moments."""
        return len(self._player) > 0 or any(len(field.times) > 1 for field in self._tables.fields)

    def add_clip(self, clip: Clip) -> Clip:
        """Keep a clip with the scene, so that it is found by name and copied along; returns it.

        Raises
        ------
        InvalidInput
            Not a Clip, or one that drives nodes of another scene.
        """
        if not isinstance(clip, Clip):
            raise InvalidInput(f"add_clip() takes a Clip, such as Clip('open', [track]), not {type(clip).__name__}.")
        if not all(track.belongs_to(self.store) for track in clip.tracks):
            raise InvalidInput(f"clip {clip.name!r} drives nodes of another scene; make its tracks for nodes of this one.")
        self._clips._add(clip)
        return clip

    def play(self, clip: Clip, *, weight: float = 1.0, speed: float = 1.0, loop: str = "repeat", start: float = 0.0, additive: bool = False,
             fade_in: float = 0.0) -> Action:
        """Let a clip play; :meth:`at` poses the scene. What the clip drives is at rest now, unless another action drives it already.

        Parameters
        ----------
        clip : Clip
            Of `clips`, or any other for nodes of this scene.
        weight : float
            Share in the mix, 0..1; see :attr:`Action.weight`.
        speed : float
            Seconds of the clip for one of the scene; negative plays backwards, from the end.
        loop : "repeat", "once" or "pingpong"
            ``"once"`` stays at its end.
        start : float
            Seconds on the scene's clock when the clip begins; before that it drives nothing.
        additive : bool
            Add what the clip changes since its first frame to what the others make, instead of mixing it with them.
        fade_in : float
            Seconds in which its share grows, from `start` on.

        Returns
        -------
        Action
            To weigh, pause, fade and stop it.

        Raises
        ------
        InvalidInput
            Wrong kinds or values, a clip for another scene, or one that turns a node whose matrix is sheared.
        """
        return self._player.play(clip, weight, speed, loop, start, additive, fade_in)

    def at(self, seconds: float) -> None:
        """Pose everything that plays at a time of the scene's clock, and show the moment of every field that has several.

        A pure function of time and of the actions: the same seconds make the same bits, whatever was posed before. What an action
        drove and none drives any more goes back to the rest value, the one it had when the first of them began.

        Parameters
        ----------
        seconds : float
            Any order; negative too.

        Raises
        ------
        InvalidInput
            Not a finite number.
        WrongThreadError
            Another thread is using the scene.
        """
        moment = checked_seconds(seconds, "at() seconds")
        self._player.pose(moment)
        for field in self._tables.fields:
            field.at(moment)  # nothing where it has one moment only

    def settle(self) -> None:
        """Make the draw order and the anchors a pure function of what the ids carry, whatever edits led here."""
        self.update()
        self._tables.collect()
        self.store.settle()

    def describe_occluders(self) -> None:
        """Tell the store which triangles may hide others; renderers that look for hidden draws call it before they cull."""
        self._tables.describe_occluders()

    # ---- adding ----

    def _place(self, node: Node, position: Any, rotation: Any, scale: Any, matrix: Any) -> None:
        if matrix is not None:
            node.matrix = matrix
        if position is not None:
            node.position = position
        if rotation is not None:
            node.rotation = rotation
        if scale is not None:
            node.scale = scale

    def _attach(self, node: Node, thing: Light | Camera | Scene | Mesh) -> None:
        if isinstance(thing, Light):
            self._set_light(node.id, thing)
        elif isinstance(thing, Camera):
            self._set_camera(node.id, thing)
        elif isinstance(thing, Scene):
            self._copy(thing, node)

    def _copy(self, other: Scene, group: Node) -> None:
        """Copy the nodes of another scene under a group, in bulk; descriptions are shared."""
        geometry = np.array([0 if g is None else self._tables.geometry(g) for g in other.geometry_list], dtype=np.uint32)
        material = np.array([0 if m is None else self._tables.material(m) for m in other.material_list], dtype=np.uint32)
        old, new = self.store.copy_from(other.store, group.id, geometry, material)
        twin = dict(zip(old.tolist(), new.tolist(), strict=True))
        copy_poses(self.store, other.store, old, new, self._skin_numbers(other))
        self._tables.collect()
        self._names.update((twin[k], name) for k, name in other._names.items())
        self._name_columns += [column.copied(old, new) for column in other._name_columns]
        self._meshes.update((twin[k], mesh) for k, mesh in other._meshes.items())
        self._extras.update((twin[k], dict(extras)) for k, extras in other._extras.items())
        self._cameras.update((twin[k], camera) for k, camera in other._cameras.items())
        self._copy_ranges(other, twin)
        self.kept += [kept.copied(old, new) for kept in other.kept]
        for k, light in other._lights.items():
            self._set_light(twin[k], light)
        order = np.argsort(old)
        for clip in other._clips:
            self._clips._add(clip.mapped(old[order], new[order], self.store))

    def _skin_numbers(self, other: Scene) -> NDArray[np.uint32]:
        """Numbers here of the skins of another scene, by their numbers there."""
        numbers = np.zeros(max(other._tables.skins, default=-1) + 1, np.uint32)
        for there, skin in other._tables.skins.items():
            numbers[there] = self._tables.skin(skin)
        return numbers

    def _copy_ranges(self, other: Scene, twin: dict[int, int]) -> None:
        """Keep the names and meshes of copied ranges."""
        for number, kept in other._ranges.items():
            if other.store.range_count(number):
                self._ranges[self.store.range_of(twin[int(other.store.range_ids(number)[0])])] = kept

    # ---- what renderers read ----

    @property
    def geometry_list(self) -> list[Geometry | None]:
        """Geometry by index, None where an index is free."""
        return self._tables.geometries.items

    @property
    def material_list(self) -> list[Material | None]:
        """Material by index, None where an index is free."""
        return self._tables.materials.items

    @property
    def shading_classes(self) -> list[tuple[Any, ...]]:
        """``Material.shading_key`` by shading class."""
        return self._tables.shading_classes

    @property
    def geometry_changes(self) -> int:
        """Grows with every change of `geometry_list`."""
        return self._tables.geometries.changes

    @property
    def geometry_epoch(self) -> NDArray[np.uint64]:
        """By geometry index: the value of `geometry_changes` at its last edit."""
        return self._tables.geometries.epoch

    @property
    def material_changes(self) -> int:
        """Grows with every edit of a material in use."""
        return self._tables.materials.changes

    @property
    def material_epoch(self) -> NDArray[np.uint64]:
        """By material index: the value of `material_changes` at its last edit."""
        return self._tables.materials.epoch

    # ---- what Node handles ask for ----

    def _handles(self, ids: dict[int, Any]) -> list[Node]:
        return [Node(self.store, number) for number in sorted(ids, key=lambda number: number & 0xFFFFFF)]

    def _name_of(self, number: int) -> str:
        name = self._names.get(number, "")
        for column in self._name_columns:
            name = name or column.name_of(number)
        return name

    def _set_name(self, number: int, value: str) -> None:
        if not isinstance(value, str):
            raise InvalidInput(f"name must be a string, got {type(value).__name__}")
        self._forget_names(np.array([number], dtype=np.uint32))
        if value:
            self._names[number] = value
        else:
            self._names.pop(number, None)

    def _forget_names(self, ids: NDArray[np.uint32]) -> None:
        """Drop names that are kept in columns."""
        if self._name_columns:
            for column in self._name_columns:
                column.drop(ids)
            self._name_columns = [column for column in self._name_columns if column.count]

    def _mesh_of(self, number: int) -> Mesh | None:
        mesh = self._meshes.get(number)
        if mesh is not None or number == ROOT:
            return mesh
        geometry, material = self.store.draws_of(number)
        pairs = [(self.geometry_list[g], self.material_list[m]) for g, m in zip(geometry.tolist(), material.tolist(), strict=True)]
        found = [(g, m) for g, m in pairs if g is not None and m is not None]
        return Mesh(primitives=found) if found else None

    def _set_mesh(self, number: int, mesh: Mesh | None) -> None:
        if mesh is not None and not isinstance(mesh, Mesh):
            raise InvalidInput(f"mesh must be a Mesh or None, got {type(mesh).__name__}")
        if mesh is not None and skin_of(self.store, number) >= 0 and any(geometry.joints is not None for geometry, _ in mesh.primitives):
            _check_joints(mesh, len(self._tables.skins[skin_of(self.store, number)]))
        self.store.set_draws([number], *(([], []) if mesh is None else self._tables.indices(mesh)))
        self.store.hold_weights([number], () if mesh is None else mesh.weights)
        if mesh is None:
            self._meshes.pop(number, None)
        else:
            self._meshes[number] = mesh
        self._tables.collect()

    def _skin_of(self, number: int) -> Skin | None:
        return self._tables.skins.get(skin_of(self.store, number))

    def _light_edited(self, light: Light) -> None:
        self.light_changes += 1
        self.store.touch()

    def _light_of(self, number: int) -> Light | None:
        return self._lights.get(number)

    def _set_light(self, number: int, light: Light | None) -> None:
        if light is not None and not isinstance(light, Light):
            raise InvalidInput(f"light must be a Light or None, got {type(light).__name__}")
        self._drop_light(number)
        if light is not None:
            self._lights[number] = light
            light._watch(self._light_edited)
        self.light_changes += 1
        self.store.touch()

    def _drop_light(self, number: int) -> None:
        old = self._lights.pop(number, None)
        if old is not None:
            self.light_changes += 1
            if all(other is not old for other in self._lights.values()):
                old._unwatch(self._light_edited)

    def _camera_of(self, number: int) -> Camera | None:
        return self._cameras.get(number)

    def _set_camera(self, number: int, camera: Camera | None) -> None:
        if camera is not None and not isinstance(camera, Camera):
            raise InvalidInput(f"camera must be a Camera or None, got {type(camera).__name__}")
        if camera is None:
            self._cameras.pop(number, None)
        else:
            self._cameras[number] = camera

    def _extras_of(self, number: int) -> dict[str, Any]:
        return self._extras.setdefault(number, {})

    def _set_extras(self, number: int, value: dict[str, Any]) -> None:
        if not isinstance(value, dict):
            raise InvalidInput(f"extras must be a dict, got {type(value).__name__}")
        self._extras[number] = value

    def _remove(self, number: int) -> None:
        self._forget(self.store.remove(number))

    def _remove_many(self, ids: NDArray[np.uint32]) -> None:
        """Remove nodes without children."""
        self.store.remove_leaves(ids)
        self._forget(ids)

    def _forget(self, ids: NDArray[np.uint32]) -> None:
        """Drop what was kept by the ids of removed nodes."""
        self._forget_names(ids)
        gone = ids.tolist() if self._names or self._meshes or self._cameras or self._extras or self._lights else []
        for table in (self._names, self._meshes, self._cameras, self._extras):
            if table:
                for k in gone:
                    table.pop(k, None)
        if self._lights:
            for k in gone:
                self._drop_light(k)
        self._tables.collect()
