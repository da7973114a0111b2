/* The manual of the native core: every structure and function, with units, spaces and failure; one file, so that it can be
 * read from end to end.
 *
 * Plain C11; knows nothing of Python, OpenGL or threads. One caller at a time per store (the border post,
 * _core.pyx, sees to that). No function recurses. Functions that can fail return MR_OK or a negative code and
 * leave the store as it was.
 *
 * Three index spaces, never mixed:
 *   id index   24 bits, what users and pictures see together with an 8-bit generation; 0 is the root / background
 *   node slot  parents before children; depth-first, a subtree one contiguous range, but for what was edited lately (order.c)
 *   draw slot  draw order, in blocks of 64; buckets start at multiples of 64 and end with spare slots; unused slots have no live bit
 * A draw record is a stable index for one (node, geometry, material).
 */
#ifndef MR_H
#define MR_H

#include "simd.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MR_NONE 0xFFFFFFFFu
#define MR_INDEX_MASK 0xFFFFFFu
#define MR_MAX_IDS 0x1000000u
#define MR_ANCHOR_RADIUS 512.0   /* metres, largest coordinate: a settled node is this near its anchor's origin */
#define MR_ANCHOR_KEEP 1024.0    /* metres: a moving node keeps its anchor up to here, so that it does not flicker */

enum { MR_OK = 0, MR_NOMEM = -1, MR_STALE = -2, MR_CYCLE = -3, MR_FULL = -4, MR_NONFINITE = -5 };
enum { MR_BASE = 0, MR_AVX2 = 1, MR_AVX512 = 2 };        /* instruction-set levels */
enum { MR_UNLABELLED = 2 };                              /* see block_mixed_layers */
/* Kinds of rows that devices mirror: four by draw slot, of 48, 16, 16 and 32 bytes (boxes are for culling on the device only), and the
 * rows of 16 bytes that deform vertices (pose.c). */
enum { MR_TRANSFORM = 0, MR_INFO = 1, MR_STATE = 2, MR_BOX_ROW = 3, MR_DEFORM = 4, MR_ROW_KINDS = 5 };

/* Node flags. */
enum {
    MR_VISIBLE = 1,      /* the node's own switch */
    MR_SHOWN = 2,        /* own and every ancestor's switch; computed by mr_update */
    MR_MOVED = 4,        /* local transform or parent changed: recompute the subtree */
    MR_TOGGLED = 8,      /* visibility changed: walk the subtree */
    MR_RELABELLED = 16,  /* layers changed: refresh this node's draws */
    MR_TINTED = 32,      /* state row changed */
    MR_SPILLED = 64,     /* has children outside its extent (see order.c) */
    MR_DRAWN = 128,      /* has draws */
    MR_PENDING = MR_MOVED | MR_TOGGLED | MR_RELABELLED | MR_TINTED,
};

/* Geometry class bits that the core reads or sets (the rest is opaque to it). */
#define MR_CLASS_MIRRORED (1u << 22)
#define MR_CLASS_ALPHA(c) (((c) >> 19) & 3u)
#define MR_CLASS_TOPOLOGY(c) (((c) >> 16) & 3u)

typedef struct { uint8_t color[4]; uint32_t flags; float value; uint32_t user; } mr_state;
typedef struct { double rotation[4], scale[3]; uint32_t owner; uint32_t next; } mr_trs;
typedef struct { uint32_t first, count; } mr_run;

/* Local bounds of one geometry: fit = centre, 1, half extents widened for rounding, 16 u (see bounds.c), and the exact box. */
typedef struct { float fit[8]; double lower[3], upper[3]; uint32_t key, active, users, spare; } mr_geometry;
typedef struct { uint32_t key, shading, active, users; } mr_material;

/* An anchor: origin in world space (float64 metres), its offset from the parent anchor's origin, and its cell there. */
typedef struct { double origin[3], offset[3]; int64_t cell[3]; uint32_t parent, users, next, alive; } mr_anchor;

/* A leaf range: consecutive leaf siblings in the user's order. */
typedef struct { uint32_t first_id, count, next; } mr_range;

/* Draws that may merge: `slots` in use (the first `sorted` in order, `dead` of them empty) of `room`; sum of the surfaces of
 * its block boxes now and when it was sorted (negative: not yet known). */
typedef struct { uint32_t klass, shading, first_slot, slots, room, sorted, dead, spare; double area, area_sorted; } mr_bucket;

/* Inverse bind matrices of a skin, three rows of four for each joint; NULL where the place is free. */
typedef struct { double *inverse; uint32_t joints, users; } mr_skin;
/* A skin with the joints that it follows (public ids): its first row of `deform`, the anchor that they are relative to; dirty 1: to be
 * computed, 2: with another anchor. No users: a free place. */
typedef struct { uint32_t *joint, skin, joints, users, first, anchor, dirty; } mr_palette;
/* What one node (index; MR_NONE: a free place) has: a palette (0: none), so many weights, its first row of `deform`. */
typedef struct { uint32_t node, palette, weights, first, dirty; } mr_pose;
/* What a geometry says of how it deforms: highest joint + 1, and for each group of vertices the joint that moves them (MR_NONE where there
 * are no joints), their local box (lower, upper), and the box of their displacements for each morph. One block. */
typedef struct mr_flesh { uint32_t joints, groups, morphs; double *box, *morph; uint32_t *joint; } mr_flesh;

typedef struct {
    uint64_t updates, nodes_updated, draws_refit, blocks_refit, reorders, resorts, anchors_made, joints_posed;
} mr_stats;

typedef struct mr_store {
    /* by id index */
    uint32_t id_count, id_cap, id_gen_cap, id_free_head, id_free_tail, node_count;
    uint32_t *id_slot, *id_parent, *id_child, *id_last, *id_next, *id_prev, *id_range;
    uint64_t *id_serial, serial;
    uint8_t *id_gen;
    /* by node slot; position, linear and state are counted blocks: a borrowed view outlives a reallocation */
    uint32_t n, cap;
    double *position;
    float *linear, *world;
    mr_state *state;
    uint32_t *node_id, *parent, *subtree, *anchor, *layers, *trs, *node_draw;
    uint8_t *flags;
    /* side table of authored rotation and scale */
    mr_trs *trs_rows;
    uint32_t trs_count, trs_cap, trs_free;
    /* leaf ranges; row 0 is unused */
    mr_range *ranges;
    uint32_t range_count, range_cap, range_free;
    /* anchors; row 0 is the root anchor at the world origin */
    mr_anchor *anchors;
    uint32_t anchor_count, anchor_cap, anchor_free, anchor_live, *anchor_hash, anchor_hash_size;
    uint32_t *anchor_idle, anchor_idle_count, anchor_idle_cap;
    /* descriptions */
    mr_geometry *geometries;
    mr_material *materials;
    uint32_t geometry_count, geometry_cap, material_count, material_cap;
    /* descriptions whose last draw went, until mr_take_idle: kind << 31 | index */
    uint32_t *idle, idle_count, idle_cap;
    /* draw records */
    uint32_t draw_rows, draw_cap, draw_free, draw_count;
    uint32_t *draw_geometry, *draw_material, *draw_next, *draw_slot;
    /* by draw slot */
    uint32_t slots, slot_cap, bucket_count, bucket_cap;
    uint32_t *slot_node, *slot_geometry, *slot_id, *slot_anchor, *slot_layers;
    float *box;                 /* [block][6][64]: centre xyz, half extents xyz, metres relative to the slot's anchor; NaN when unused */
    /* by block of 64 draw slots */
    float *block_box;           /* [block][8]: centre xyz, half xyz, two spare */
    uint64_t *block_live, *block_break, *block_dirty, *block_used, *block_mirrored;
    uint32_t *block_anchor, *block_layers;   /* MR_NONE: mixed anchors; layers 0 with block_mixed_layers */
    uint32_t *block_bucket;                  /* MR_NONE: none */
    float *block_area;
    uint8_t *block_mixed_layers;             /* 1: layers differ; MR_UNLABELLED: what follows from slots has to be found anew */
    mr_bucket *buckets;
    /* by group of 64 blocks: like block_box, block_anchor */
    float *group_box;
    float *lane_box;            /* [group][6][64]: the boxes of its blocks once more, in lanes for culling */
    uint32_t *group_anchor;
    uint8_t *group_dirty;
    /* pages: last epoch in which a page of rows changed */
    uint64_t *page_epoch[MR_ROW_KINDS];
    /* change tracking */
    uint64_t epoch, draw_epoch;
    mr_run moved;                            /* nodes transformed whose draws are not marked yet (update.c) */
    mr_run *dirty;
    uint32_t dirty_count, dirty_cap;
    uint32_t *dirty_blocks, dirty_block_count;
    mr_run *heap;                            /* runs found while walking (update.c) */
    uint32_t heap_count, heap_cap;
    uint32_t holes, loose;                   /* node slots without a node; slots used since the last order */
    uint32_t *fresh, fresh_count, fresh_cap; /* id indices of nodes with draws that have no slot yet */
    uint32_t *flips, flip_count, flip_cap;   /* draws whose determinant changed sign */
    uint32_t unsorted;                       /* buckets that wait to be sorted */
    uint8_t shown_changed; /* MR_SHOWN of some node changed: dirty draws need new live bits */
    uint8_t topology_dirty, draws_dirty, scan_all, nodes_moved, pinned;  /* pinned: borrowed views forbid reordering */
    int level;
    mr_stats stats;
    /* level of detail (lod.c): by geometry, its coarser levels */
    struct mr_levels *levels;
    uint32_t levels_cap, levelled_geometries;
    /* occlusion (occlusion.c): by geometry, its triangles for hiding others, or NULL */
    struct mr_occluder **occluders;
    uint32_t occluders_cap;
    /* poses (pose.c); place 0 of palettes and poses is unused */
    mr_skin *skins;
    mr_palette *palettes;
    mr_pose *poses;
    mr_flesh **flesh;           /* by geometry, or NULL */
    uint32_t skin_count, skin_cap, palette_count, palette_cap, palette_live, pose_count, pose_cap, pose_live, pose_free, flesh_cap;
    uint32_t *id_pose, id_pose_cap;          /* by id index: its pose, 0 for none */
    float *deform;                           /* rows of four */
    uint32_t deform_rows, deform_cap, deform_pages, deform_free_count, deform_free_cap, deform_loose; /* loose: given since the last join */
    mr_run *deform_free;
    uint64_t *use_slot;                      /* node slots of all joints, ascending, and their palettes; twice the room, for sorting */
    uint32_t *use_palette, use_count, use_cap, use_palette_cap;
    uint8_t uses_stale, joints_gone, pose_work;
} mr_store;

/* ---- memory (blocks.c) ----------------------------------------------------------------------------------------- */
/* Counted, zeroed, 64-byte aligned memory; retain and release are atomic. mr_block_new returns NULL when out of memory. From
 * 1 MiB on a block is a mapping of its own, in large pages where the system has them. */
void *mr_block_new(size_t bytes);
/* The same from the heap, which keeps it for the next frame: for what is made anew often. */
void *mr_block_new_brief(size_t bytes);
void mr_block_retain(void *block);
void mr_block_release(void *block);
/* Bytes that a block takes, its header included; 0 for NULL. */
size_t mr_block_bytes(const void *block);
/* Grows *array from `used` to at least `need` elements of `size` bytes, zeroing what is new; *cap in elements. */
int mr_grow(void *array, uint32_t *cap, uint32_t need, size_t size);
/* The same for brief blocks. */
int mr_grow_brief(void *array, uint32_t *cap, uint32_t need, size_t size);
/* What a capacity grows to when it must hold `need`. */
uint32_t mr_next_cap(uint32_t cap, uint32_t need);
/* Lowers the capacity that n arrays of such row sizes share to little more than `need`, where nobody borrows them. */
void mr_trim_arrays(void *const *arrays, const size_t *sizes, int n, uint32_t *cap, uint32_t need);

/* ---- store and tree (store.c, order.c) ------------------------------------------------------------------------- */
mr_store *mr_store_new(int level);
void mr_store_free(mr_store *s);
/* Bytes held for: nodes and ids, transforms and anchors, state, draws, bounds, descriptions, change tracking, poses. */
#define MR_MEMORY_KINDS 8
void mr_memory(const mr_store *s, uint64_t out[MR_MEMORY_KINDS]);
/* The public id of an index: index | generation << 24. */
uint32_t mr_public_id(const mr_store *s, uint32_t index);
/* The index of a public id, or MR_NONE when it names no live node. Id 0 is the root. */
uint32_t mr_resolve(const mr_store *s, uint32_t id);
/* Resolves n public ids to node slots; returns n, or the row of the first stale one. */
size_t mr_resolve_slots(const mr_store *s, const uint32_t *ids, size_t n, uint32_t *slots);
/* Appends `count` nodes (identity, visible, layers 1) as last children of `parent` (index); writes public ids. `leaf_range`
 * makes them one range and writes its number to *range (else 0). MR_FULL when the 24-bit id space is used up. */
int mr_add(mr_store *s, uint32_t parent, uint32_t count, int leaf_range, uint32_t *ids, uint32_t *range);
/* Public ids of a subtree in depth-first order (ids may be NULL); returns their number. */
uint32_t mr_subtree_ids(const mr_store *s, uint32_t index, uint32_t *ids);
/* Removes a node with its subtree; the generations of its ids advance. */
int mr_remove(mr_store *s, uint32_t index);
/* Removes n leaves by public id; returns n, or the row of the first that is stale, repeated or has children (the ones before are gone). */
size_t mr_remove_leaves(mr_store *s, const uint32_t *ids, size_t n);
/* Makes `index` the last child of `parent`; MR_CYCLE when `parent` lies in its subtree. */
int mr_set_parent(mr_store *s, uint32_t index, uint32_t parent);
/* Copies all nodes of another store under `parent`; geometry and material map indices (may be NULL: no draws). Writes the
 * new public id of every source node slot (slot 0: unused) to ids. The source must be in order (mr_order). */
int mr_copy(mr_store *s, uint32_t parent, const mr_store *from, const uint32_t *geometry, const uint32_t *material, uint32_t *ids);
/* Number of direct children of an index, and their public ids in the user's order. */
uint32_t mr_children(const mr_store *s, uint32_t index, uint32_t *ids);
/* Public ids of n node slots. */
void mr_ids(const mr_store *s, uint32_t first, uint32_t n, uint32_t *ids);
/* Brings node slots into depth-first order if topology changed. */
int mr_order(mr_store *s);
/* The same once a sixteenth of the slots are holes or were added lately. */
int mr_order_lazily(mr_store *s);
/* Brings the members of a range into consecutive slots. */
int mr_range_close(mr_store *s, uint32_t range);
/* Pieces that store.c and order.c share: the next index in depth-first order below `top` (MR_NONE at the end); room for slots;
 * a slot with the defaults of a new node; an empty slot; new slots [first, first + count) below a parent slot; a subtree's
 * rows to the end of the slots, as a child of `parent` (index). */
uint32_t mr_next_below(const mr_store *s, uint32_t index, uint32_t top);
int mr_reserve_nodes(mr_store *s, uint32_t need);
void mr_init_slot(mr_store *s, uint32_t slot, uint32_t index, uint32_t parent_slot);
void mr_make_hole(mr_store *s, uint32_t slot);
void mr_attach_tail(mr_store *s, uint32_t parent, uint32_t first, uint32_t count);
int mr_move_to_tail(mr_store *s, uint32_t index, uint32_t parent);
void mr_trim_ids(mr_store *s);
/* Gives back spare rows of nodes, ids and draws beyond what a settled scene needs. */
void mr_trim(mr_store *s);
/* Frees a range record; its members stay as plain nodes, with the weights that they show. */
int mr_range_free(mr_store *s, uint32_t range);
/* Pieces that store.c and rows.c share: room for ids up to an index; an id without relatives for a slot; the last child of a parent
 * (both indices); an index to the end of those that are given out again. */
int mr_grow_ids(mr_store *s, uint32_t need);
void mr_init_id(mr_store *s, uint32_t index, uint32_t slot);
void mr_link_last(mr_store *s, uint32_t index, uint32_t parent);
void mr_free_id(mr_store *s, uint32_t index);

/* ---- a whole store as rows (rows.c) ---------------------------------------------------------------------------- */
/* One row for each node, depth-first, siblings in the user's order: public id, row of the parent (-1: the root), layers, own switch, state,
 * local position (n,3) and linear part (n,9), number of draws; then all draws in the order of the rows, and the leaf ranges as runs of rows. */
typedef struct {
    uint32_t n, ranges;
    const uint32_t *id, *layers, *draws, *geometry, *material;
    const int32_t *parent;
    const uint8_t *visible;
    const double *position;
    const float *linear;
    const mr_state *state;
    const mr_run *range;
} mr_rows;
/* First row whose parent does not come before it, or that is out of depth-first order; n when there is none. */
uint32_t mr_disordered(const int32_t *parent, uint32_t n);
/* Numbers of draws of slots 1 .. n - 1 in order, and all draws one behind the other; returns how many these are. */
uint32_t mr_draw_lists(const mr_store *s, uint32_t *counts, uint32_t *geometry, uint32_t *material);
/* What mr_read_trs says of a slot: a matrix that was taken apart, rotation and scale as they were given, a matrix that shears. */
enum { MR_TAKEN_APART, MR_AS_GIVEN, MR_SHEARED };
/* Rotations (f64[4] xyzw), scales (f64[3]) and kinds of slots 1 .. n - 1 in order; those of a matrix that shears are left as they are. */
void mr_read_trs(const mr_store *s, double *rotation, double *scale, uint8_t *kind);
/* Fills a store that never held a node, ids and generations included. The rows were checked: indices of ids lie in 1 .. 16777215 and differ,
 * the order is depth-first, a range is consecutive leaves of one parent, ranges rise and do not overlap. */
int mr_restore(mr_store *s, const mr_rows *rows);

/* ---- local transforms (locals.c) ------------------------------------------------------------------------------- */
/* Marks slots [first, first + count) with flag bits and raises the epoch. */
int mr_mark(mr_store *s, uint32_t first, uint32_t count, uint8_t bits);
/* Positions (f64[3]) of slots in a row, held within MR_DRIVE_FARTHEST; only what changes is marked. The caller has reserved a mark. */
void mr_move_run(mr_store *s, uint32_t first, uint32_t count, const double *position);
/* Room for n marks, and for as many rows of rotation and scale, so that a bulk edit fails before its first row or not at all. */
int mr_reserve_marks(mr_store *s, size_t n, int trs);
/* Any of the pointers may be NULL; position f64[3], rotation xyzw f64[4] (normalised here), scale f64[3]. Makes a TRS row. */
int mr_set_trs(mr_store *s, uint32_t slot, const double *position, const double *rotation, const double *scale);
/* Row-major 4x4 affine float64 matrix; drops the TRS row. */
int mr_set_matrix(mr_store *s, uint32_t slot, const double *m);
/* what 0: hide, 1: show, 2: set layers to value. */
int mr_flag_many(mr_store *s, const uint32_t *slots, size_t n, int what, uint32_t value);
/* State rows of n slots. */
int mr_state_many(mr_store *s, const uint32_t *slots, size_t n, const mr_state *rows);
/* The local 4x4 of a slot. */
void mr_get_matrix(const mr_store *s, uint32_t slot, double *m);
/* The world 4x4 of a slot in float64: anchor origin plus relative rows. Valid after mr_update. */
void mr_get_world(const mr_store *s, uint32_t slot, double *m);
/* Rotation and scale of a slot: the TRS row, or a decomposition; returns MR_NONFINITE when the matrix is sheared. */
int mr_get_trs(const mr_store *s, uint32_t slot, double *rotation, double *scale);
/* Drops TRS rows of a range of slots (after a bulk edit of their linear parts). */
void mr_drop_trs(mr_store *s, uint32_t first, uint32_t count);
/* 1 when no value is NaN or has a magnitude beyond the limit (finite, positive). */
int mr_within_f64(const double *values, size_t n, double limit);
int mr_within_f32(const float *values, size_t n, float limit);
/* Counts rows with a value that is not finite or beyond +-limit and notes the first; with `good` they are replaced by it. */
size_t mr_check_f64(double *rows, size_t n, size_t width, double limit, const double *good, size_t *first);
size_t mr_check_f32(float *rows, size_t n, size_t width, float limit, const float *good, size_t *first);
/* First row of length below 1e-12, or n. */
size_t mr_zero_row(const double *rows, size_t n, size_t width);
/* 1 when a slot has a sheared matrix (no rotation and scale). */
int mr_any_sheared(const mr_store *s, const uint32_t *slots, size_t n);
/* Local and world 4x4 of n slots. */
void mr_local_many(const mr_store *s, const uint32_t *slots, size_t n, double *m);
void mr_world_many(const mr_store *s, const uint32_t *slots, size_t n, double *m);
/* Bulk set for n slots; each of position (n,3), rotation (n,4), scale (n,3), matrix (n,16) may be NULL. */
int mr_set_many(mr_store *s, const uint32_t *slots, size_t n, const double *position, const double *rotation,
                const double *scale, const double *matrix);
/* Copies local matrices of a slot range out (n,16). */
void mr_read_matrices(const mr_store *s, uint32_t first, uint32_t n, double *m);

/* ---- update (update.c) ----------------------------------------------------------------------------------------- */
/* Brings everything derived up to date: slot order, world transforms, anchors, visibility, bounds, draw order. */
int mr_update(mr_store *s);
/* Whether derived data is out of date; whether mr_update would do anything (tidying included). */
int mr_pending(const mr_store *s);
int mr_has_work(const mr_store *s);
/* The same from scratch, without hysteresis: a pure function of ids and content. */
int mr_settle(mr_store *s);
/* World transforms of slots [first, end) whose parents are up to date (transform.inl, one per level). */
/* Writes a slot's world rows from its parent's; p gets the position relative to the parent's anchor. */
void mr_compose(mr_store *s, uint32_t slot, double p[3]);
int mr_transform_base(mr_store *s, uint32_t first, uint32_t end);
int mr_transform_avx2(mr_store *s, uint32_t first, uint32_t end);
int mr_transform_avx512(mr_store *s, uint32_t first, uint32_t end);

/* ---- anchors (anchor.c) ---------------------------------------------------------------------------------------- */
/* Chooses the anchor of a slot whose position is p relative to parent anchor `a`; writes p relative to the choice. Live rule. */
int mr_anchor_choose(mr_store *s, uint32_t slot, uint32_t a, double p[3]);
/* Origins of all anchors, (n,3). */
void mr_origins(const mr_store *s, double *out);
/* Finds or makes the anchor of p's cell under `a`; returns its index or MR_NONE when out of memory. */
uint32_t mr_anchor_at(mr_store *s, uint32_t a, const double p[3]);
/* Gives back anchors that no node uses. */
void mr_anchor_sweep(mr_store *s);
void mr_anchor_unuse(mr_store *s, uint32_t a);
/* All anchors and world transforms from scratch; numbers anchors by the lowest node id that opened them. */
int mr_anchor_settle(mr_store *s);

/* ---- draws (draws.c, draworder.c, bounds.c) --------------------------------------------------------------------------------- */
/* Room for so many draw records more, and for the k descriptions that they name. */
int mr_reserve_draws(mr_store *s, size_t records, const uint32_t *geometry, const uint32_t *material, uint32_t k);
/* Replaces the draws of a node slot by k (geometry, material) pairs. */
int mr_set_draws(mr_store *s, uint32_t slot, const uint32_t *geometry, const uint32_t *material, uint32_t k);
/* The same draws for n nodes. */
int mr_set_draws_many(mr_store *s, const uint32_t *slots, size_t n, const uint32_t *geometry, const uint32_t *material, uint32_t k);
/* Draws of a slot (arrays may be NULL); returns their number. */
int mr_draws_of(const mr_store *s, uint32_t slot, uint32_t *geometry, uint32_t *material);
/* Switches a geometry or material (kind 0 or 1) off: draws of it are skipped until it is described again. */
void mr_forget(mr_store *s, int kind, uint32_t index);
/* Notes a description (kind << 31 | index) that no draw uses (yet); best effort: without memory it merely stays. */
void mr_note_idle(mr_store *s, uint32_t what);
/* Takes descriptions that no draw uses off the idle list: writes kind << 31 | index, returns their number. */
uint32_t mr_take_idle(mr_store *s, uint32_t *out);
void mr_clear_draws(mr_store *s, uint32_t slot);
/* One draw (geometry[i], material[i]) for each of n consecutive node slots that have none. */
int mr_set_draws_each(mr_store *s, uint32_t first, uint32_t n, const uint32_t *geometry, const uint32_t *material);
/* Registers a geometry (class bits and local box) or a material (class bits and shading class); redefining is allowed. */
int mr_set_geometry(mr_store *s, uint32_t index, uint32_t key, const double lower[3], const double upper[3]);
int mr_set_material(mr_store *s, uint32_t index, uint32_t key, uint32_t shading);
/* Sorts every draw and lays out slots, buckets and blocks anew. */
int mr_sort_draws(mr_store *s);
/* Sorts the draws of one bucket in its own slots. */
int mr_sort_bucket(mr_store *s, uint32_t bucket);
/* The bucket that waits most urgently to be sorted, or MR_NONE; counts those that wait. */
uint32_t mr_worst_bucket(mr_store *s);
/* Grows (or, with a quarter left, shrinks) the arrays by draw slot. */
int mr_grow_slots(mr_store *s, uint32_t slots);
/* Empties draw slots [first, first + count): whole blocks, of bucket `bucket` from now on. */
void mr_clear_slots(mr_store *s, uint32_t first, uint32_t count, uint32_t bucket);
/* Puts a draw of a node slot into draw slot `at` of a bucket. */
void mr_fill_slot(mr_store *s, uint32_t at, uint32_t node, uint32_t d, const mr_bucket *b);
/* Empties one draw slot: a dead bit until its bucket is sorted. */
void mr_kill_slot(mr_store *s, uint32_t at);
/* Gives the draws of fresh nodes, and those that changed class, slots at the end of their buckets. */
int mr_place_fresh(mr_store *s);
int mr_place_flips(mr_store *s);
/* Asks for a new layout when an eighth of the slots holds no draw. */
void mr_check_waste(mr_store *s);
/* Remembers that draws of a node have no slot; `more` of the kind may follow at once. */
void mr_note_fresh(mr_store *s, uint32_t index, uint32_t more);
/* Geometry class of a draw of a node that is mirrored or not; 1 when both its descriptions are active. */
uint32_t mr_class_of(const mr_store *s, uint32_t d, int mirrored);
int mr_drawable(const mr_store *s, uint32_t d);
/* The draw record in a draw slot, MR_NONE in an empty one; and the materials of all slots (0 in empty ones). */
uint32_t mr_draw_at(const mr_store *s, uint32_t at);
void mr_slot_materials(const mr_store *s, uint32_t *out);
/* One draw of each bucket that has any of a wanted geometry (`count` bytes), shown or not: rows of class, shading, slot, geometry; room for
 * bucket_count. Returns how many. */
uint32_t mr_bucket_draws(const mr_store *s, const uint8_t *wanted, uint32_t count, uint32_t *out);
/* Marks one draw slot for refitting. */
void mr_dirty_slot(mr_store *s, uint32_t at);
/* Copies anchor and layers of a node slot to its draws. */
void mr_label_draws(mr_store *s, uint32_t slot);
/* 1 when a 3x4 world row turns right-handed triangles into left-handed ones (determinant < 0, in float64). */
int mr_mirrored(const float *world);
/* Refits the boxes of the draws marked dirty, and their blocks; notes the draws that changed class. */
void mr_refit(mr_store *s);
/* Marks the draws of a node slot for refitting and the pages of `kinds` (bit per row kind) as changed. */
void mr_touch_draws(mr_store *s, uint32_t slot, unsigned kinds);
/* Bytes of a row, and how many there are; then: gathers rows [first, first + count). */
size_t mr_row_bytes(int kind);
uint32_t mr_row_count(const mr_store *s, int kind);
void mr_fill_rows(const mr_store *s, int kind, uint32_t first, uint32_t count, void *out);
/* Runs of slots whose page changed after `since`, gaps of one page bridged; returns their number (at most pages / 2 + 1). */
uint32_t mr_dirty_runs(const mr_store *s, int kind, uint64_t since, mr_run *runs);
uint32_t mr_page_slots(int kind);
/* World box (float64) of the visible and hidden draws of an index and everything below it; returns 0 when there are none. */
int mr_bounds(const mr_store *s, uint32_t index, double lower[3], double upper[3]);
/* Boxes of all draw slots as rows of centre and half extents, relative to each slot's anchor. */
void mr_boxes(const mr_store *s, float *out);

/* ---- poses (pose.c) -------------------------------------------------------------------------------------------- */
/* A skin of so many joints; inverse: (joints, 3, 4) float64, rows of the inverse bind matrices. Its number goes to *index. */
int mr_add_skin(mr_store *s, const double *inverse, uint32_t joints, uint32_t *index);
/* Frees a skin that nothing follows. */
void mr_drop_skin(mr_store *s, uint32_t index);
/* Makes a node (index) follow joints (public ids, as many as the skin has) with a skin; no longer. */
int mr_bind(mr_store *s, uint32_t index, uint32_t skin, const uint32_t *joints);
void mr_unbind(mr_store *s, uint32_t index);
/* Gives a node so many morph weights; sets those that it shows, its own from then on: MR_STALE when their number is another. */
int mr_hold_weights(mr_store *s, uint32_t index, const float *values, uint32_t count);
int mr_set_weights(mr_store *s, uint32_t index, const float *values, uint32_t count);
/* Gives a part that shows the pose of the node above a copy of its own; nothing for any other node. */
int mr_keep_pose(mr_store *s, uint32_t index);
/* The node whose weights a node shows: itself, or the one above. */
uint32_t mr_weights_from(const mr_store *s, uint32_t index);
/* The weights that a node shows and their number (0, NULL): a part without any shows those of the node above, unless that follows joints.
 * Its palette or NULL. */
const float *mr_weights_of(const mr_store *s, uint32_t index, uint32_t *count);
const mr_palette *mr_palette_of(const mr_store *s, uint32_t index);
/* Forgets the pose of a node that goes. */
void mr_unpose(mr_store *s, uint32_t index);
/* The poses of another store for the nodes that were copied: new public id by slot there, skin here by skin there. */
int mr_copy_poses(mr_store *s, const mr_store *from, const uint32_t *ids, const uint32_t *skins);
/* What a geometry says of how it deforms (see mr_flesh): joint (groups), box (groups, 2, 3), morph (groups, morphs, 2, 3); no groups take it away. */
int mr_set_flesh(mr_store *s, uint32_t index, uint32_t groups, const uint32_t *joint, const double *box, uint32_t morphs, const double *morph);
/* Frees all of it, and what it takes. */
void mr_poses_free(mr_store *s);
uint64_t mr_pose_bytes(const mr_store *s);
/* How a node slot deforms a geometry, NULL where it draws it as it is: no pose, or one that does not fit the geometry. Then: its row of
 * `deform` (0: none), and the anchor that a draw of the two is relative to. */
const mr_pose *mr_posed(const mr_store *s, uint32_t node, uint32_t geometry);
uint32_t mr_deform_row(const mr_store *s, uint32_t node, uint32_t geometry);
uint32_t mr_draw_anchor(const mr_store *s, uint32_t node, uint32_t geometry);
/* Box about the boxes of a posed draw relative to its anchor, in float64; returns 0 where the draw has no pose. */
int mr_posed_box(const mr_store *s, uint32_t node, uint32_t geometry, double centre[3], double half[3]);
/* Called by mr_refit: boxes of the posed draws among `todo`, wide enough for what the GPU rounds. */
void mr_refit_posed(mr_store *s, uint32_t block, uint64_t todo);
/* Steps of mr_update: before nodes are visited, for each run of moved slots, and after. Then all poses anew, for mr_settle. */
int mr_pose_prepare(mr_store *s);
void mr_pose_moved(mr_store *s, uint32_t first, uint32_t count);
void mr_pose_update(mr_store *s);
void mr_pose_all(mr_store *s);

/* ---- part state (state.c) -------------------------------------------------------------------------------------- */
/* What to change in state rows: flag bits to clear, then to set; colours (4 bytes each) and values may be NULL, a stride
 * of 0 gives every row the same one. */
typedef struct {
    uint32_t clear, set;
    const uint8_t *colors;
    const float *values;
    int color_stride, value_stride;
} mr_state_edit_t;
int mr_state_edit(mr_store *s, const uint32_t *slots, size_t n, const mr_state_edit_t *edit);
/* Public ids of the parents of n node slots (0: top level). */
void mr_parents(const mr_store *s, const uint32_t *slots, size_t n, uint32_t *ids);
/* Gathers the rows of n runs one behind the other. */
void mr_fill_runs(const mr_store *s, int kind, const mr_run *runs, size_t n, void *out);
/* ---- parts (parts.c) ------------------------------------------------------------------------------------------- */
/* Appends n leaves as one range under `parent` (index): matrices of `rows` (3 or 4) rows of 4 float64 each, one draw
 * (geometry[i], material[i]) each; writes public ids and the number of the range. */
int mr_add_parts(mr_store *s, uint32_t parent, uint32_t n, const double *matrices, uint32_t rows, const uint32_t *geometry,
                 const uint32_t *material, uint32_t *ids, uint32_t *range);
/* First of n matrices with a linear value beyond +-linear, a position beyond +-position, a value that is not finite, or a
 * last row other than (0, 0, 0, 1); n when there is none. */
size_t mr_bad_matrix(const double *matrices, size_t n, uint32_t rows, double linear, double position);
size_t mr_bad_matrix_f32(const float *matrices, size_t n, uint32_t rows, double linear, double position);
/* Writes checked matrices to a slot range, dropping TRS; the caller marks it. */
void mr_put_matrices(mr_store *s, uint32_t first, uint32_t n, const double *matrices, uint32_t rows);
void mr_put_matrices_f32(mr_store *s, uint32_t first, uint32_t n, const float *matrices, uint32_t rows);
/* The same from positions (n,3); rotations (n,width), 9: matrices in rows, 4: quaternions xyzw of any length but zero, or wxyz where w
 * comes first; and scales (n,3) or NULL. */
void mr_put_poses(mr_store *s, uint32_t first, uint32_t n, const double *position, const double *rotation, int width, int w_first,
                  const double *scale);
/* Sets the state rows of a slot range that have a `value` that is not finite to value 0; returns their number, notes the first. */
size_t mr_check_state(mr_store *s, uint32_t first, uint32_t n, size_t *row);

/* ---- clips (layers.c, clips.c) ------------------------------------------------------------------------------------------- */
/* What a track drives: transforms (f64[3], f64[4] xyzw, f64[3]), the node's own switch (on from 0.5), the override colour (4 x 0 .. 255), the
 * value, and bits of the flags (MR_DRIVE_FLAG + bit, on from 0.5) of the state row; all morph weights; or numbers of the caller's, by a number
 * of his. */
enum { MR_DRIVE_POSITION = 0, MR_DRIVE_ROTATION = 1, MR_DRIVE_SCALE = 2, MR_DRIVE_SHOW = 3, MR_DRIVE_COLOR = 4, MR_DRIVE_VALUE = 5,
       MR_DRIVE_FLAG = 6, MR_DRIVE_NUMBERS = 10, MR_DRIVE_WEIGHTS = 11 };
enum { MR_STEP = 0, MR_LINEAR = 1, MR_CUBIC = 2 };
enum { MR_ONCE = 0, MR_REPEAT = 1, MR_PINGPONG = 2 };
#define MR_DRIVE_FARTHEST 1e15   /* metres; what a cubic curve overshoots is held here */
#define MR_DRIVE_LARGEST 1e18
#define MR_MAX_WIDTH 1024        /* numbers of one value: morph weights */
/* Values over time, finite: f32 or f64 (wide) of keys x rows x width, cubic keys x 3 (in-tangent, value, out-tangent) x rows x width. Times
 * rise. Row i is for target i, or one row for all. Values of rotations but cubic ones are unit quaternions. Nothing is copied. */
typedef struct {
    const double *times;
    const void *values;
    const double *rest;              /* MR_DRIVE_NUMBERS: what there is without any action */
    const uint32_t *target;          /* public ids, or numbers of the caller's; read by mr_layer_add only */
    uint32_t keys, rows, width, targets;
    uint8_t curve, wide, kind, alone; /* alone: set by the core, when it is written without sums */
} mr_track;
/* How a clip plays. Seconds of the scene but for phase, the second of the clip at `origin`; rate 0 pauses (-0 a clip that runs backwards). The
 * weight, 0 .. 1, is multiplied by what fades leave. Additive actions add, in the order of actions, what changed since the clip's second 0. */
typedef struct {
    double start, origin, phase, rate, weight, duration;
    uint32_t loop, additive;
} mr_action;
/* A share that an action has at a second of the scene; linear between two, held before the first and after the last. Times do not fall: of
 * equal ones the last counts from then on. Without any the share is 1. */
typedef struct { double time, share; } mr_fade;
/* Something driven: its rest value and the sum of what drives it, `width` numbers from `at` on. */
typedef struct { uint64_t serial; uint32_t index, at, users; uint16_t width; uint8_t kind, idle; } mr_channel;
/* The tracks of one action, and the channel of each target (MR_NONE: a removed node); no arrays once it was removed. */
typedef struct { uint32_t tracks, bound, fades; mr_track *track; uint32_t *channel; mr_fade *fade; } mr_layer;
/* A long track that nothing else drives the targets of, and its channels, which stand in a row; straight: its nodes were made in a row. */
typedef struct { mr_track *track; uint32_t first, layer, straight; } mr_sole;
/* rebound: what plays has changed since the last mr_play. sampled: rows of tracks that this one looked at. */
typedef struct mr_mixer {
    mr_channel *channels;
    double *rest, *sum, *share;      /* share: sum of weights, by channel */
    uint32_t *table, table_size;     /* open addressing by serial and kind */
    mr_layer *layers;
    mr_sole *soles;                  /* by first channel */
    mr_run *mixed;                   /* channels that are mixed by sums: all but those that long tracks write alone */
    uint32_t channel_count, channel_cap, number_count, rest_cap, sum_cap, share_cap, layer_count, layer_cap, rebound;
    uint32_t sole_count, sole_cap, mixed_count, mixed_cap, turned; /* turned: channels of rotations and scales */
    uint64_t sampled;
} mr_mixer;
mr_mixer *mr_mixer_new(void);
void mr_mixer_free(mr_mixer *m);
/* A layer of n tracks for one action more. The arrays of the tracks stay the caller's. MR_NONFINITE: a sheared node cannot be turned or scaled. */
int mr_layer_add(mr_store *s, mr_mixer *m, const mr_track *tracks, uint32_t n);
/* Replaces the shares of a layer by n others, which are copied. */
int mr_layer_fade(mr_mixer *m, uint32_t layer, const mr_fade *fades, uint32_t n);
/* Empties a layer; what it drove goes back to rest with the next mr_play. */
void mr_layer_remove(mr_mixer *m, uint32_t layer);
/* Drops the layers that were emptied; the others move up. */
void mr_layers_close_up(mr_mixer *m);
/* What follows from what plays, once after each change of that: channels in use, and the long tracks that need no sums. */
int mr_mixer_arrange(mr_mixer *m);
/* Poses everything that is driven; one action for each layer. */
int mr_play(mr_store *s, mr_mixer *m, const mr_action *actions, double seconds);
/* What it holds. */
uint64_t mr_mixer_bytes(const mr_mixer *m);
/* Numbers of the caller's after mr_play; returns how many, 0 when unknown. */
uint32_t mr_numbers_of(const mr_mixer *m, uint32_t target, double *out);

/* ---- culling (cull.c) ------------------------------------------------------------------------------------------ */
/* ---- level of detail and size on screen (lod.c) ---------------------------------------------------------------- */
#define MR_MAX_LEVELS 7
/* Coarser levels of one geometry, in order: their geometry indices, and how far their surface strays, metres in local space. */
typedef struct mr_levels { uint32_t count, index[MR_MAX_LEVELS]; float error[MR_MAX_LEVELS]; } mr_levels;

/* How a view measures sizes on the screen. A length e at depth z covers at most metric * e / z pixels of x or y:
 * |x1/z1 - x2/z2| = |(x1 - x2) + (x2/z2) (z2 - z1)| / z1 <= e sqrt(1 + t^2) / z, where t bounds |x2/z2| in the picture. */
typedef struct {
    int standard, parallel;          /* standard: rigid pose, reversed-Z projection without skew; else nothing is measured */
    double axes[3][3];               /* right, up and forward of the camera, world axes */
    double gain[2], shift[2], near;  /* picture x = gain x / z + shift, -1 .. 1; metres to the near plane */
    double depth_row[2];             /* of the projection: clip z = -depth_row[0] z + depth_row[1] at z metres ahead */
    double width, height, cull_pixels, lod_pixels;
    double metric;                   /* pixels; upper bound over the picture */
    float small;                     /* (2 metric / cull_pixels)^2: a box is small when small h.h < z^2; 0: nothing is */
    float towards[3], absolute[3];   /* forward axis and its absolute values; 0 for a parallel view, whose depth counts as 1 */
    float *depth;                    /* by anchor: depth of its origin, lowered for rounding */
    uint8_t *level, *block_levelled; /* by draw slot: 0 or the coarser level it is drawn with; by block: whether one is not 0 */
    float *scale, *block_scale;      /* by slot and block: upper bound of how the world matrix stretches a length */
    uint64_t *scale_epoch;           /* by block: when scale was computed */
    uint32_t depth_cap, slot_cap, block_cap, scale_cap;
} mr_detail;

/* ---- occlusion (occlusion.c, raster.c) ------------------------------------------------------------------------- */
/* Triangles of a geometry with its edges: t1 is MR_NONE where no second triangle joins in the other direction. */
typedef struct { uint32_t a, b, t0, t1; } mr_edge;
typedef struct mr_occluder {
    uint32_t vertices, triangles, edges;
    float *position;
    uint32_t *triangle;
    mr_edge *edge;
} mr_occluder;

/* A coarse picture of what hides others. "Nearness" q is 1 / depth, or -depth in a parallel view: larger is nearer, and linear
 * over the picture of a triangle. A cell that is not wholly covered holds -INFINITY. */
typedef struct {
    int wanted;
    uint32_t columns, rows;          /* cells; multiples of 8 */
    double cell[2];                  /* cells per pixel of the picture, x and y */
    float *near, *work, *tile;       /* by cell: least nearness of what covers it; scratch; by 8x8 cells: the least of near */
    uint32_t near_cap, work_cap, tile_cap, *chosen, chosen_cap;
    float *score;
    void *scratch;                   /* of raster.c: transformed vertices */
    uint32_t score_cap, scratch_cap, occluders;
    uint64_t occluded;               /* draws that the last cull found hidden */
} mr_occlusion;

typedef struct mr_view {
    double eye[3], plane[6][4];      /* planes relative to the eye, unit normals, inside where n.r + d >= 0 */
    double forward[3];               /* unit vector along the view direction, world space */
    uint32_t layers, active;         /* active: bit per plane that can cut anything */
    float normal[3][8], absolute[3][8];   /* plane lanes: n and |n| */
    uint8_t octant[8];               /* by plane: bit per axis where n < 0 */
    float *distance;                 /* [anchor][8]: d of every plane shifted to the anchor, widened for rounding */
    uint32_t distance_cap, anchors;  /* how many anchors it has rows for: those there were at the cull */
    uint64_t *words;                 /* visible bits, one word per block */
    uint32_t word_cap, blocks;
    uint64_t visible;
    uint64_t stamp, cull_stamp, cull_epoch;  /* configuration counter; what the words were made from */
    uint32_t blocks_in, blocks_cut;
    mr_detail detail;
    mr_occlusion occlusion;
} mr_view;

/* pose: camera to world 4x4 row-major; projection 4x4 with depth 0..1. Returns MR_NONFINITE when the pose has no inverse. */
int mr_view_configure(mr_view *v, const double *pose, const double *projection, uint32_t layers);
void mr_view_free(mr_view *v);
/* Fills the words of n views in one visit of the blocks. */
int mr_cull(const mr_store *s, mr_view *const *views, uint32_t n);
void mr_cull_base(const mr_store *s, mr_view *const *views, uint32_t n);
#if MR_HAVE_AVX2
void mr_cull_avx2(const mr_store *s, mr_view *const *views, uint32_t n);
void mr_cull_avx512(const mr_store *s, mr_view *const *views, uint32_t n);
#endif
/* The same without blocks: every box against every plane; no sizes, levels or occlusion. What the hierarchy is measured against. */
int mr_cull_flat(const mr_store *s, mr_view *v);
/* Origins of all anchors minus `from`, in float64, rounded to (n,4) float32 with w = 0. */
void mr_anchor_offsets(const mr_store *s, const double from[3], float *out);

/* Describes coarser levels of a geometry, finest first; n = 0 takes them away. The levels are geometries of the same class. */
int mr_set_levels(mr_store *s, uint32_t index, const uint32_t *levels, const float *errors, uint32_t n);
/* Largest distance of n points (n,3) from the nearest of some triangles, all in one space. */
float mr_surface_distance(const float *points, size_t n, const float *positions, const uint32_t *indices, size_t triangles);
/* The geometry that a level (0: itself) of a geometry is drawn with. */
uint32_t mr_level_geometry(const mr_store *s, uint32_t geometry, uint32_t level);
/* Called by mr_view_configure: what a pose and a projection say about sizes on the screen. */
void mr_view_measure(mr_view *v, const double *pose, const double *projection);
/* Thresholds in pixels of a picture of that size; 0 switches one off. Raises the stamp when something changed. */
void mr_view_detail(mr_view *v, double width, double height, double cull_pixels, double lod_pixels, int occlusion);
void mr_detail_free(mr_detail *d);
/* Depths of all anchors. */
int mr_detail_depths(const mr_store *s, mr_view *v);
/* Chooses the level of every visible draw by its projected error, 10 % later on the way to a coarser one than back. */
int mr_choose_levels(const mr_store *s, mr_view *v);

#define MR_MAX_OCCLUDER_TRIANGLES 1024
/* Gives a geometry triangles to hide others with; NULL or no triangles takes them away. Vertices of equal position are joined.
 * Views that were culled before keep what they found. */
int mr_set_occluder(mr_store *s, uint32_t index, const float *positions, uint32_t vertices, const uint32_t *indices, uint32_t triangles);
void mr_occluders_free(mr_store *s);
void mr_occlusion_free(mr_occlusion *o);
/* Clears the bits of draws that larger ones in front of them hide wholly; nothing that shows in the picture is cleared. */
int mr_occlude(const mr_store *s, mr_view *v);
/* Draws an occluder into the cells: world rows (3x4), anchor origin relative to the eye, and whether the transform mirrors. */
int mr_raster_occluder(mr_view *v, const mr_occluder *mesh, const float *world, const double origin[3], int mirrored);

/* ---- draw lists (drawlist.c, sort.c) --------------------------------------------------------------------------- */
typedef struct { uint32_t count, instances, first_index; int32_t base_vertex; uint32_t base_instance; } mr_command;
typedef struct { uint32_t klass, shading, first, count, instances, spare; uint64_t triangles; } mr_batch;
typedef struct {
    mr_command *commands;
    mr_batch *batches;
    uint32_t command_count, command_cap, batch_count, batch_cap;
    uint64_t instances, triangles;
} mr_list;

/* Turns a culled view into commands. ranges: (n,3) index count, first index, base vertex by geometry; alpha: bit per alpha mode;
 * merge: batches span shading classes except for masks; sort: back to front by view depth of the box centre, ties by id. */
int mr_build(const mr_store *s, const mr_view *v, const uint32_t *ranges, uint32_t range_count, unsigned alpha, int merge,
             int sort, mr_list *out);
void mr_list_free(mr_list *l);
/* Stable LSD radix sort of (key, value) pairs by the low `bits` of the key; `keys2` and `values2` are scratch. The result is in keys, values. */
void mr_radix(uint64_t *keys, uint32_t *values, size_t n, unsigned bits, uint64_t *keys2, uint32_t *values2);

/* ---- culling on the device (gpucull.c) ------------------------------------------------------------------------- */
/* The camera as compute shaders read it (std140, OcclusionView of shaders/interface/occlusion.glsl): axes and planes in world axes,
 * where metres lie in pixels, depth = scale / z + bias (parallel: scale z + bias), metres to the near plane with some to spare. */
typedef struct {
    float axis[3][4], plane[6][4], gain[2], shift[2], size[2], depth[2], near;
    int32_t parallel;
    uint32_t layers, spare;
} mr_gpu_view_t;
/* Fills it; returns 0 when the view is no plain camera, and then only planes and layers are filled. */
int mr_gpu_view(const mr_view *v, mr_gpu_view_t *out);
/* Twelve floats for each of the `anchors` of a culled view: its origin along the axes of the camera, what rounding may add to an extent, and
 * the distances of the planes as the cull had them. */
void mr_gpu_anchors(const mr_store *s, const mr_view *v, float *out);
/* Blocks with visible bits as (block, low word, high word); returns their number. `out` may be NULL. */
uint32_t mr_visible_blocks(const mr_view *v, uint32_t *out);
/* Where the commands of each run of a list begin when a run may fall apart: one place for each pair of slots (2k, 2k + 1), because
 * no more than one stretch can begin in it. Writes command_count + 1 numbers and returns the last. */
uint32_t mr_places(const mr_list *l, uint32_t *out);
/* Rows of kind MR_BOX_ROW: centre, anchor, half extents, layers. Those of empty slots may be stale where they are mirrored. */
void mr_box_rows(const mr_store *s, uint32_t first, uint32_t count, void *out);

/* ---- ray casts and spatial queries (bvh.c, raycast.c, query.c) --------------------------------------------------- */
#define MR_BVH_DEPTH 96
#define MR_CLASS_DOUBLE_SIDED (1u << 21)
enum { MR_MISSING = 1, MR_UNPOSED = 2 };                 /* a hierarchy is needed first: of a geometry, of a posed draw */
enum { MR_FRONT = 1, MR_BACK = 2, MR_AS_DRAWN = 4 };     /* sides that a ray sees; as drawn: back sides of double-sided materials only */

/* 32 bytes. A leaf has count > 0 triangles from order[at]; an inner node's children are the next node and node `at`. */
typedef struct { float lower[3]; uint32_t at; float upper[3]; uint32_t count; } mr_bvh_node;
/* positions (n,3) and indices (triangles,3) are borrowed and outlive it. */
typedef struct {
    mr_bvh_node *nodes;
    uint32_t *order, node_count, triangle_count, depth;
    const float *positions;
    const uint32_t *indices;
} mr_bvh;
/* Where a ray meets a triangle: the distance in units of the direction, weights of the second and third corner. */
typedef struct { double t, u, v; uint32_t triangle; int front; } mr_cut;

int mr_bvh_build(mr_bvh *b, const float *positions, const uint32_t *indices, uint32_t triangles);
void mr_bvh_free(mr_bvh *b);
/* Nearest hit of a local ray (direction of any length) not beyond best->t; returns whether *best was replaced. */
int mr_bvh_trace(const mr_bvh *b, const double o[3], const double d[3], unsigned sides, mr_cut *best);
/* The same for a world row without an inverse: every triangle, in the space of the ray. */
int mr_flat_trace(const mr_bvh *b, const float *world, const double o[3], const double d[3], unsigned sides, mr_cut *best);

/* Which draws count: layers as in views; `hidden`: also what is not shown. */
typedef struct { uint32_t layers, sides; uint8_t hidden; } mr_filter;
/* A ray in world space; the direction has length 1, limit is in metres. */
typedef struct { double origin[3], direction[3], limit; } mr_ray;
/* What queries keep between calls, all counted blocks: a heap of what a ray may meet, nearest first; and world boxes (centre, half
 * extents, float64) of the blocks and groups that hold several anchors, [block][6] and [group][6], made anew with each draw epoch. */
typedef struct { double near; uint32_t rank, index; } mr_item;
typedef struct {
    mr_item *items;
    uint32_t count, cap, block_cap, group_cap;
    double *mixed_block, *mixed_group;
    uint64_t mixed_epoch;
} mr_queue;
void mr_queue_free(mr_queue *q);
/* Brings the boxes of blocks and groups with several anchors up to date. */
int mr_queue_refresh(const mr_store *s, mr_queue *q);
/* Answer of a ray: id 0 and distance infinity where nothing was met. Point, normal in world space, metres. */
typedef struct { double distance, point[3], normal[3], uv[2]; uint32_t id, geometry, triangle, front; } mr_hit;

/* Live draws of a block that pass a filter. */
uint64_t mr_filtered(const mr_store *s, const mr_filter *f, uint32_t block);
/* Exact world box of a draw slot, relative to `from`: centre and half extents. */
void mr_exact_box(const mr_store *s, uint32_t slot, const double from[3], double centre[3], double half[3]);
/* Hierarchies by geometry index, and those of posed draws by draw slot: relative to the draw's anchor, with -x where the draw mirrors. */
typedef struct { mr_bvh **bvhs, **posed; uint32_t count, posed_count; } mr_forest;
/* Nearest triangle; MR_MISSING or MR_UNPOSED with *missing set (geometry, draw slot) where a hierarchy that is needed is NULL. */
int mr_raycast(const mr_store *s, const mr_ray *r, const mr_filter *f, const mr_forest *forest, mr_queue *q, mr_hit *out, uint32_t *missing);
/* Public ids of nodes whose boxes a ray meets, in the order it enters them; *ids is a counted block that the caller releases. */
int mr_query_ray(const mr_store *s, const mr_ray *r, const mr_filter *f, mr_queue *q, uint32_t **ids, uint32_t *count);

enum { MR_BOX = 0, MR_SPHERE = 1, MR_PLANES = 2 };
/* A region in world space: box lower and upper; or sphere `lower` = centre and radius; or planes relative to `lower` = eye. */
typedef struct { int kind; double lower[3], upper[3], radius; double plane[6][4]; uint32_t active; } mr_region;
void mr_region_of_view(const mr_view *v, mr_region *out);
/* Sets the bit of every id index whose node has a draw that meets the region; bits has (id_count + 63) / 64 words. */
int mr_query(const mr_store *s, const mr_region *region, const mr_filter *f, mr_queue *q, uint64_t *bits, uint32_t *found);
/* Public ids of set bits, ascending by index. */
void mr_query_ids(const mr_store *s, const uint64_t *bits, uint32_t *ids);

#endif
