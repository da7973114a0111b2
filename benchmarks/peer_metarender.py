"""metarender on the workloads that other engines are measured on; needs the folder of peer scripts in METARENDER_PEERS.

Every object is a node of its own with an id, a colour and a visibility. ``--variant unlit`` uses Unlit, the default Standard.
"""

import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, os.environ["METARENDER_PEERS"])
_start = time.perf_counter()
import numpy as np  # noqa: E402

import metarender as mr  # noqa: E402
from metarender.renderer import Renderer  # noqa: E402

IMPORT_SECONDS = time.perf_counter() - _start
import peer_common as common  # noqa: E402


class Metarender(common.Peer):
    """One Scene of boxes over eight materials, one directional light, no environment."""

    name = "metarender"
    has = ("static", "dynamic", "sparse", "hierarchy", "instanced", "cold", "gltf", "readback", "pick")

    def versions(self):
        return {"metarender": mr.__version__, "gl": self.renderer.device.capabilities.renderer}

    def init(self, w, h):
        self.renderer = Renderer(size=(w, h), msaa=1, device="software", tone_mapping="none")
        self.scene = mr.Scene()
        self.scene.environment = None
        self.scene.background = (0.1, 0.1, 0.12)
        self.scene.add(mr.DirectionalLight(direction=(-0.48, -0.8, -0.36), shadow=False))
        kind = mr.Unlit if self.args.variant == "unlit" else mr.Standard
        self.materials = [kind(color=tuple(float(channel) for channel in color)) for color in common.PALETTE]
        positions, normals, indices = common.box()
        self.box = mr.Geometry(positions=positions, normals=normals, indices=indices.ravel())
        self.view = mr.PerspectiveCamera()

    def build_flat(self, pos, material_id):
        matrices = np.tile(np.eye(4), (len(pos), 1, 1))
        matrices[:, :3, 3] = pos
        which = np.zeros(len(pos), np.uint32)
        self.parts = self.scene.add_parts([self.box], self.materials, which, material_id.astype(np.uint32), matrices)

    build_instanced = build_flat

    def build_arms(self, base, quat):
        meshes = [mr.Mesh(self.box, material) for material in self.materials]
        self.joints = np.empty(quat.shape[:2], np.uint32)
        for arm, place in enumerate(base):
            parent = None
            for joint in range(quat.shape[1]):
                parent = self.scene.add(meshes[joint], parent, position=place if joint == 0 else (0, 0.9, 0))
                self.joints[arm, joint] = parent.id
        self.update_arms(quat)

    def update_flat(self, pos, quat, mat):
        self.parts.set(slice(None), matrix=mat)

    def update_arms(self, quat):
        self.scene.set(self.joints.ravel(), rotation=quat.reshape(-1, 4))

    def camera(self, eye, target, fov, near, far):
        self.view.fov, self.view.near, self.view.far = fov, near, far
        self.view.look_at(eye, target)

    def submit(self):
        self.frame = self.renderer.render(self.scene, self.view)
        self.check()

    def check(self):
        """A fast frame that draws too little is a failure: every box where all are in view, 1 to 8 % in the sparse workload."""
        drawn, workload = self.frame.stats.instances, self.args.workload
        if workload in ("static", "dynamic", "hierarchy"):
            assert drawn == self.scene.store.draw_count, f"{drawn} of {self.scene.store.draw_count} boxes were drawn"
        elif workload == "sparse":
            assert 0.01 < drawn / self.scene.store.draw_count < 0.08, f"{drawn} boxes were drawn"

    def finish(self):
        self.renderer.device.finish()

    def read(self):
        self.submit()
        return self.frame.color

    def load_gltf(self, path):
        light, self.scene = self.scene.lights[0].light, mr.load(path)
        self.scene.environment = None
        self.scene.add(light)
        bounds = self.scene.bounds
        return bounds.mean(axis=0), float(np.linalg.norm(bounds[1] - bounds[0])) / 2

    def pick(self, x, y):
        node = self.renderer.render(self.scene, self.view, outputs=("ids",)).pick(x, y)
        return -1 if node is None else node.id


if __name__ == "__main__":
    common.main(Metarender, IMPORT_SECONDS)
