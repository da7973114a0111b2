"""C declarations of the native core, for _core.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "mr.h" nogil:
    enum:
        MR_OK
        MR_NOMEM
        MR_STALE
        MR_CYCLE
        MR_FULL
        MR_NONFINITE
        MR_NONE
        MR_INDEX_MASK
        MR_VISIBLE
        MR_SHOWN
        MR_MOVED
        MR_TOGGLED
        MR_RELABELLED
        MR_TINTED

    ctypedef struct mr_state:
        uint8_t color[4]
        uint32_t flags
        float value
        uint32_t user

    ctypedef struct mr_run:
        uint32_t first
        uint32_t count

    ctypedef struct mr_anchor:
        double origin[3]

    ctypedef struct mr_range:
        uint32_t first_id
        uint32_t count

    ctypedef struct mr_geometry:
        uint32_t active

    ctypedef struct mr_skin:
        double *inverse
        uint32_t joints
        uint32_t users

    ctypedef struct mr_palette:
        uint32_t *joint
        uint32_t skin
        uint32_t joints
        uint32_t first
        uint32_t anchor

    ctypedef struct mr_pose:
        uint32_t node
        uint32_t palette
        uint32_t weights
        uint32_t first

    ctypedef struct mr_stats:
        uint64_t updates
        uint64_t nodes_updated
        uint64_t draws_refit
        uint64_t blocks_refit
        uint64_t reorders
        uint64_t resorts
        uint64_t anchors_made
        uint64_t joints_posed

    ctypedef struct mr_store:
        uint32_t id_count
        uint32_t node_count
        uint32_t *id_slot
        uint32_t *id_parent
        uint32_t *id_child
        uint32_t *id_range
        uint64_t *id_serial
        uint32_t n
        double *position
        float *linear
        float *world
        mr_state *state
        uint32_t *node_id
        uint32_t *parent
        uint32_t *subtree
        uint32_t *anchor
        uint32_t *layers
        uint32_t *trs
        uint8_t *flags
        mr_range *ranges
        uint32_t range_count
        mr_anchor *anchors
        uint32_t anchor_count
        mr_geometry *geometries
        uint32_t geometry_count
        uint32_t material_count
        uint32_t draw_count
        uint32_t slots
        uint32_t *slot_node
        uint32_t *slot_geometry
        uint32_t *slot_id
        uint32_t *slot_anchor
        uint64_t *block_live
        uint64_t *block_mirrored
        uint32_t skin_count
        uint32_t pose_count
        uint32_t pose_live
        uint32_t deform_rows
        float *deform
        mr_skin *skins
        mr_palette *palettes
        mr_pose *poses
        uint32_t *id_pose
        uint32_t id_pose_cap
        uint32_t bucket_count
        uint64_t epoch
        uint32_t idle_count
        uint64_t draw_epoch
        uint32_t dirty_count
        uint8_t topology_dirty
        uint8_t draws_dirty
        uint8_t scan_all
        uint8_t nodes_moved
        uint8_t pinned
        uint8_t joints_gone
        int level
        mr_stats stats

    # level of detail (lod.c)
    enum:
        MR_MAX_LEVELS
        MR_MAX_OCCLUDER_TRIANGLES

    ctypedef struct mr_detail:
        int standard
        double metric
        double cull_pixels
        double lod_pixels
        uint8_t *level
        uint8_t *block_levelled

    ctypedef struct mr_occlusion:
        uint32_t columns
        uint32_t rows
        float *near
        uint32_t occluders
        uint64_t occluded

    ctypedef struct mr_view:
        double eye[3]
        uint32_t layers
        uint32_t anchors
        uint64_t *words
        uint32_t blocks
        uint64_t visible
        uint64_t stamp
        uint64_t cull_stamp
        uint64_t cull_epoch
        uint32_t blocks_in
        uint32_t blocks_cut
        mr_detail detail
        mr_occlusion occlusion

    ctypedef struct mr_command:
        uint32_t count

    ctypedef struct mr_batch:
        uint32_t klass

    ctypedef struct mr_list:
        mr_command *commands
        mr_batch *batches
        uint32_t command_count
        uint32_t batch_count
        uint64_t instances
        uint64_t triangles

    void mr_block_retain(void *block)
    void mr_block_release(void *block)
    size_t mr_block_bytes(const void *block)
    mr_store *mr_store_new(int level)
    void mr_store_free(mr_store *s)
    uint32_t mr_public_id(const mr_store *s, uint32_t index)
    uint32_t mr_resolve(const mr_store *s, uint32_t id)
    size_t mr_resolve_slots(const mr_store *s, const uint32_t *ids, size_t n, uint32_t *slots)
    int mr_add(mr_store *s, uint32_t parent, uint32_t count, int leaf_range, uint32_t *ids, uint32_t *range)
    uint32_t mr_subtree_ids(const mr_store *s, uint32_t index, uint32_t *ids)
    int mr_remove(mr_store *s, uint32_t index)
    int mr_set_parent(mr_store *s, uint32_t index, uint32_t parent)
    uint32_t mr_children(const mr_store *s, uint32_t index, uint32_t *ids)
    int mr_order(mr_store *s)
    int mr_range_free(mr_store *s, uint32_t range)
    int mr_mark(mr_store *s, uint32_t first, uint32_t count, uint8_t bits)
    int mr_set_trs(mr_store *s, uint32_t slot, const double *position, const double *rotation, const double *scale)
    int mr_set_matrix(mr_store *s, uint32_t slot, const double *m)
    void mr_get_matrix(const mr_store *s, uint32_t slot, double *m)
    void mr_get_world(const mr_store *s, uint32_t slot, double *m)
    void mr_world_many(const mr_store *s, const uint32_t *slots, size_t n, double *m)
    int mr_get_trs(const mr_store *s, uint32_t slot, double *rotation, double *scale)
    void mr_drop_trs(mr_store *s, uint32_t first, uint32_t count)
    int mr_set_many(mr_store *s, const uint32_t *slots, size_t n, const double *position, const double *rotation,
                    const double *scale, const double *matrix)
    void mr_read_matrices(const mr_store *s, uint32_t first, uint32_t n, double *m)
    size_t mr_check_f64(double *rows, size_t n, size_t width, double limit, const double *good, size_t *first)
    size_t mr_check_f32(float *rows, size_t n, size_t width, float limit, const float *good, size_t *first)
    size_t mr_zero_row(const double *rows, size_t n, size_t width)
    int mr_any_sheared(const mr_store *s, const uint32_t *slots, size_t n)
    void mr_local_many(const mr_store *s, const uint32_t *slots, size_t n, double *m)
    int mr_flag_many(mr_store *s, const uint32_t *slots, size_t n, int what, uint32_t value)
    int mr_state_many(mr_store *s, const uint32_t *slots, size_t n, const mr_state *rows)
    int mr_update(mr_store *s)
    int mr_settle(mr_store *s)
    int mr_set_draws(mr_store *s, uint32_t slot, const uint32_t *geometry, const uint32_t *material, uint32_t k)
    int mr_set_draws_many(mr_store *s, const uint32_t *slots, size_t n, const uint32_t *geometry, const uint32_t *material, uint32_t k)
    int mr_draws_of(const mr_store *s, uint32_t slot, uint32_t *geometry, uint32_t *material)
    void mr_forget(mr_store *s, int kind, uint32_t index)
    uint32_t mr_take_idle(mr_store *s, uint32_t *out)
    int mr_copy(mr_store *s, uint32_t parent, const mr_store *source, const uint32_t *geometry, const uint32_t *material, uint32_t *ids)
    int mr_set_geometry(mr_store *s, uint32_t index, uint32_t key, const double *lower, const double *upper)
    int mr_set_material(mr_store *s, uint32_t index, uint32_t key, uint32_t shading)
    size_t mr_row_bytes(int kind)
    void mr_fill_rows(const mr_store *s, int kind, uint32_t first, uint32_t count, void *out)
    uint32_t mr_dirty_runs(const mr_store *s, int kind, uint64_t since, mr_run *runs)
    uint32_t mr_page_slots(int kind)
    int mr_bounds(const mr_store *s, uint32_t index, double *lower, double *upper)
    void mr_boxes(const mr_store *s, float *out)
    void mr_ids(const mr_store *s, uint32_t first, uint32_t n, uint32_t *ids)
    void mr_origins(const mr_store *s, double *out)
    int mr_view_configure(mr_view *v, const double *pose, const double *projection, uint32_t layers)
    void mr_view_free(mr_view *v)
    int mr_set_levels(mr_store *s, uint32_t index, const uint32_t *levels, const float *errors, uint32_t n)
    float mr_surface_distance(const float *points, size_t n, const float *positions, const uint32_t *indices, size_t triangles)
    void mr_view_detail(mr_view *v, double width, double height, double cull_pixels, double lod_pixels, int occlusion)
    int mr_set_occluder(mr_store *s, uint32_t index, const float *positions, uint32_t vertices, const uint32_t *indices, uint32_t triangles)
    int mr_cull_flat(const mr_store *s, mr_view *v)
    int mr_cull(const mr_store *s, mr_view **views, uint32_t n)
    void mr_anchor_offsets(const mr_store *s, const double *origin, float *out)
    int mr_build(const mr_store *s, const mr_view *v, const uint32_t *ranges, uint32_t range_count, unsigned alpha, int merge, int sort,
                 mr_list *out)
    void mr_list_free(mr_list *l)

    # culling on the device (gpucull.c)
    ctypedef struct mr_gpu_view_t:
        uint32_t layers

    int mr_gpu_view(const mr_view *v, mr_gpu_view_t *out)
    void mr_gpu_anchors(const mr_store *s, const mr_view *v, float *out)
    uint32_t mr_visible_blocks(const mr_view *v, uint32_t *out)
    uint32_t mr_places(const mr_list *l, uint32_t *out)
    void mr_radix(uint64_t *keys, uint32_t *values, size_t n, unsigned bits, uint64_t *keys2, uint32_t *values2)

    # ---- ray casts and spatial queries ----
    enum:
        MR_MISSING
        MR_UNPOSED
        MR_FRONT
        MR_BACK
        MR_AS_DRAWN
        MR_BOX
        MR_SPHERE

    ctypedef struct mr_bvh:
        uint32_t node_count
        uint32_t triangle_count
        uint32_t depth

    ctypedef struct mr_filter:
        uint32_t layers
        uint32_t sides
        uint8_t hidden

    ctypedef struct mr_ray:
        double origin[3]
        double direction[3]
        double limit

    ctypedef struct mr_queue:
        uint32_t count

    ctypedef struct mr_hit:
        double distance
        double point[3]
        double normal[3]
        double uv[2]
        uint32_t id
        uint32_t geometry
        uint32_t triangle
        uint32_t front

    ctypedef struct mr_region:
        int kind
        double lower[3]
        double upper[3]
        double radius

    int mr_bvh_build(mr_bvh *b, const float *positions, const uint32_t *indices, uint32_t triangles)
    void mr_bvh_free(mr_bvh *b)
    ctypedef struct mr_forest:
        mr_bvh **bvhs
        mr_bvh **posed
        uint32_t count
        uint32_t posed_count

    int mr_raycast(const mr_store *s, const mr_ray *r, const mr_filter *f, const mr_forest *forest, mr_queue *q, mr_hit *out, uint32_t *missing)
    # poses
    int mr_add_skin(mr_store *s, const double *inverse, uint32_t joints, uint32_t *index)
    void mr_drop_skin(mr_store *s, uint32_t index)
    int mr_bind(mr_store *s, uint32_t index, uint32_t skin, const uint32_t *joints)
    void mr_unbind(mr_store *s, uint32_t index)
    int mr_keep_pose(mr_store *s, uint32_t index)
    int mr_hold_weights(mr_store *s, uint32_t index, const float *values, uint32_t count)
    int mr_set_weights(mr_store *s, uint32_t index, const float *values, uint32_t count)
    const float *mr_weights_of(const mr_store *s, uint32_t index, uint32_t *count)
    const mr_palette *mr_palette_of(const mr_store *s, uint32_t index)
    int mr_copy_poses(mr_store *s, const mr_store *source, const uint32_t *ids, const uint32_t *skins)
    int mr_set_flesh(mr_store *s, uint32_t index, uint32_t boxes, const uint32_t *joint, const double *box, uint32_t morphs, const double *morph)
    const mr_pose *mr_posed(const mr_store *s, uint32_t node, uint32_t geometry)
    uint32_t mr_draw_anchor(const mr_store *s, uint32_t node, uint32_t geometry)
    int mr_pose_prepare(mr_store *s)
    uint32_t mr_row_count(const mr_store *s, int kind)
    int mr_query_ray(const mr_store *s, const mr_ray *r, const mr_filter *f, mr_queue *q, uint32_t **ids, uint32_t *count)
    void mr_region_of_view(const mr_view *v, mr_region *out)
    int mr_query(const mr_store *s, const mr_region *region, const mr_filter *f, mr_queue *q, uint64_t *bits, uint32_t *found)
    void mr_queue_free(mr_queue *q)
    void mr_query_ids(const mr_store *s, const uint64_t *bits, uint32_t *ids)
    # rows
    ctypedef struct mr_rows:
        uint32_t n
        uint32_t ranges
        const uint32_t *id
        const uint32_t *layers
        const uint32_t *draws
        const uint32_t *geometry
        const uint32_t *material
        const int32_t *parent
        const uint8_t *visible
        const double *position
        const float *linear
        const mr_state *state
        const mr_run *range
    uint32_t mr_disordered(const int32_t *parent, uint32_t n)
    uint32_t mr_draw_lists(const mr_store *s, uint32_t *counts, uint32_t *geometry, uint32_t *material)
    void mr_read_trs(const mr_store *s, double *rotation, double *scale, uint8_t *kind)
    int mr_restore(mr_store *s, const mr_rows *rows)
    # parts
    int mr_add_parts(mr_store *s, uint32_t parent, uint32_t n, const double *matrices, uint32_t rows, const uint32_t *geometry,
                     const uint32_t *material, uint32_t *ids, uint32_t *range)
    size_t mr_bad_matrix(const double *matrices, size_t n, uint32_t rows, double linear, double position)
    size_t mr_bad_matrix_f32(const float *matrices, size_t n, uint32_t rows, double linear, double position)
    void mr_put_matrices(mr_store *s, uint32_t first, uint32_t n, const double *matrices, uint32_t rows)
    void mr_put_matrices_f32(mr_store *s, uint32_t first, uint32_t n, const float *matrices, uint32_t rows)
    void mr_put_poses(mr_store *s, uint32_t first, uint32_t n, const double *position, const double *rotation, int width, int w_first,
                      const double *scale)
    void mr_memory(const mr_store *s, uint64_t *out)
    size_t mr_remove_leaves(mr_store *s, const uint32_t *ids, size_t n)
    int mr_pending(const mr_store *s)
    int mr_has_work(const mr_store *s)
    int mr_range_close(mr_store *s, uint32_t range)
    void mr_slot_materials(const mr_store *s, uint32_t *out)
    uint32_t mr_bucket_draws(const mr_store *s, const uint8_t *wanted, uint32_t count, uint32_t *out)
    size_t mr_check_state(mr_store *s, uint32_t first, uint32_t n, size_t *row)

cdef extern from "simd.h" nogil:
    int mr_supported_level()

    # part state
    ctypedef struct mr_state_edit_t:
        uint32_t clear
        uint32_t set
        const uint8_t *colors
        const float *values
        int color_stride
        int value_stride
    int mr_state_edit(mr_store *s, const uint32_t *slots, size_t n, const mr_state_edit_t *edit)
    void mr_parents(const mr_store *s, const uint32_t *slots, size_t n, uint32_t *ids)
    void mr_fill_runs(const mr_store *s, int kind, const mr_run *runs, size_t n, void *out)

    # ---- clips (clips.c) ----
    enum:
        MR_MAX_WIDTH

    ctypedef struct mr_track:
        const double *times
        const void *values
        const double *rest
        const uint32_t *target
        uint32_t keys
        uint32_t rows
        uint32_t width
        uint32_t targets
        uint8_t curve
        uint8_t wide
        uint8_t kind

    ctypedef struct mr_action:
        pass

    ctypedef struct mr_mixer:
        uint32_t channel_count
        uint32_t layer_count
        uint64_t sampled

    mr_mixer *mr_mixer_new()
    void mr_mixer_free(mr_mixer *m)
    ctypedef struct mr_fade:
        double time
        double share

    int mr_layer_fade(mr_mixer *m, uint32_t layer, const mr_fade *fades, uint32_t n)
    int mr_layer_add(mr_store *s, mr_mixer *m, const mr_track *tracks, uint32_t n)
    void mr_layer_remove(mr_mixer *m, uint32_t layer)
    void mr_layers_close_up(mr_mixer *m)
    int mr_play(mr_store *s, mr_mixer *m, const mr_action *actions, double seconds)
    uint64_t mr_mixer_bytes(const mr_mixer *m)
    uint32_t mr_numbers_of(const mr_mixer *m, uint32_t target, double *out)
