/* What culling on the device reads besides the commands: the camera, the anchors, rows of boxes, the blocks in sight, and
 * where the commands of every run go. Nothing here is done per draw and frame; the device does that.
 */
#include "mr.h"

#include <math.h>
#include <string.h>

#define U16 (16.0 / 16777216.0)

/* Depth of a point z metres ahead is scale / z + bias, in a parallel view scale z + bias: 1 at `near`, 0 at `far`. */
static void depth_line(const mr_detail *d, float *out) {
    double scale = d->parallel ? -d->depth_row[0] : d->depth_row[1], bias = d->parallel ? d->depth_row[1] : -d->depth_row[0];
    out[0] = (float)scale;
    out[1] = (float)bias;
}

int mr_gpu_view(const mr_view *v, mr_gpu_view_t *out) {
    const mr_detail *d = &v->detail;
    memset(out, 0, sizeof *out);
    for (int p = 0; p < 6; p++)
        for (int k = 0; k < 3; k++) out->plane[p][k] = v->normal[k][p];
    out->layers = v->layers;
    if (!d->standard || !(d->metric > 0)) return 0;
    double extent[2] = {d->width, d->height};
    for (int k = 0; k < 3; k++)
        for (int j = 0; j < 3; j++) out->axis[k][j] = (float)d->axes[k][j];
    for (int k = 0; k < 2; k++) {
        out->gain[k] = (float)(0.5 * extent[k] * d->gain[k]);
        out->shift[k] = (float)(0.5 * extent[k] * (d->shift[k] + 1));
        out->size[k] = (float)extent[k];
    }
    depth_line(d, out->depth);
    out->near = (float)(d->near + 1e-3 * fabs(d->near));
    out->parallel = d->parallel;
    return 1;
}

void mr_gpu_anchors(const mr_store *s, const mr_view *v, float *out) {
    for (uint32_t a = 0; a < v->anchors; a++, out += 12) {
        double o[3], size = 0;
        for (int k = 0; k < 3; k++) {
            o[k] = s->anchors[a].origin[k] - v->eye[k];
            size += fabs(o[k]);
        }
        for (int k = 0; k < 3; k++) {
            const double *n = v->detail.axes[k];
            out[k] = (float)(n[0] * o[0] + n[1] * o[1] + n[2] * o[2]);
        }
        out[3] = (float)(2 * U16 * size);
        memcpy(out + 4, v->distance + 8 * (size_t)a, 32);
    }
}

uint32_t mr_visible_blocks(const mr_view *v, uint32_t *out) {
    uint32_t n = 0;
    for (uint32_t b = 0; b < v->blocks; b++) {
        if (!v->words[b]) continue;
        if (out) {
            uint32_t row[3] = {b, (uint32_t)v->words[b], (uint32_t)(v->words[b] >> 32)};
            memcpy(out + 3 * (size_t)n, row, sizeof row);
        }
        n++;
    }
    return n;
}

uint32_t mr_places(const mr_list *l, uint32_t *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->command_count; i++) {
        const mr_command *c = l->commands + i;
        out[i] = n;
        n += (c->base_instance + c->instances - 1) / 2 - c->base_instance / 2 + 1;
    }
    out[l->command_count] = n;
    return n;
}

void mr_box_rows(const mr_store *s, uint32_t first, uint32_t count, void *out) {
    char *to = out;
    for (uint32_t i = first; i < first + count; i++, to += 32) {
        const float *box = s->box + (size_t)(i / 64) * 384 + (i & 63);
        float row[8] = {box[0], box[64], box[128], 0, box[192], box[256], box[320], 0};
        memcpy(to, row, sizeof row);
        memcpy(to + 12, s->slot_anchor + i, 4);
        memcpy(to + 28, s->slot_layers + i, 4);
    }
}
