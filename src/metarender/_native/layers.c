/* What plays: what tracks drive, found by node and property, its rest values, and the layers that are bound to it. */
#include "mr.h"

#include <string.h>

#define EMPTY MR_NONE
#define LONG_TRACK 256 /* targets from which on a track that alone drives them is written without sums */
#define WOKEN 2        /* in place of idle: by the layer that is being added */

static uint64_t hash_of(uint64_t serial, unsigned kind) {
    uint64_t h = (serial * 16 + kind) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

/* Where a channel stands in the table, or the free place where it would. Weights of another mesh are another channel. */
static uint32_t *place_of(const mr_mixer *m, uint64_t serial, unsigned kind, unsigned width) {
    uint32_t mask = m->table_size - 1, at = (uint32_t)hash_of(serial, kind) & mask;
    for (; m->table[at] != EMPTY; at = (at + 1) & mask) {
        const mr_channel *c = m->channels + m->table[at];
        if (c->serial == serial && c->kind == kind && (kind != MR_DRIVE_WEIGHTS || c->width == width)) break;
    }
    return m->table + at;
}

static void fill_table(mr_mixer *m) {
    for (uint32_t k = 0; k < m->table_size; k++) m->table[k] = EMPTY;
    for (uint32_t k = 0; k < m->channel_count; k++) {
        const mr_channel *c = m->channels + k;
        *place_of(m, c->serial, c->kind, c->width) = k;
    }
}

/* Room for `more` channels with `numbers` values in all; half of the table stays free. */
static int reserve(mr_mixer *m, uint64_t more, uint64_t numbers) {
    uint64_t channels = m->channel_count + more, values = m->number_count + numbers, size = m->table_size ? m->table_size : 64;
    if (channels >= MR_NONE / 4 || values >= MR_NONE) return MR_NOMEM;
    if (mr_grow(&m->channels, &m->channel_cap, (uint32_t)channels, sizeof(mr_channel)) ||
        mr_grow(&m->share, &m->share_cap, (uint32_t)channels, sizeof(double)) ||
        mr_grow(&m->rest, &m->rest_cap, (uint32_t)values, sizeof(double)) || mr_grow(&m->sum, &m->sum_cap, (uint32_t)values, sizeof(double)))
        return MR_NOMEM;
    while (size < 2 * channels) size *= 2;
    if (size == m->table_size) return MR_OK;
    uint32_t *table = mr_block_new(size * sizeof(uint32_t));
    if (!table) return MR_NOMEM;
    mr_block_release(m->table);
    m->table = table;
    m->table_size = (uint32_t)size;
    fill_table(m);
    return MR_OK;
}

/* What the target has now, which it gets back when nothing drives it any more; MR_NONFINITE for a sheared node. */
static int read_rest(const mr_store *s, const mr_channel *c, const double *given, double *rest) {
    uint32_t slot = c->kind == MR_DRIVE_NUMBERS ? 0 : s->id_slot[c->index];
    double rotation[4], scale[3];
    const mr_state *state = s->state + slot;
    const float *weights;
    uint32_t count;
    switch (c->kind) {
    case MR_DRIVE_WEIGHTS:
        weights = mr_weights_of(s, c->index, &count);
        for (uint32_t k = 0; k < c->width; k++) rest[k] = k < count ? weights[k] : 0;
        break;
    case MR_DRIVE_NUMBERS: memcpy(rest, given, c->width * sizeof(double)); break;
    case MR_DRIVE_POSITION: memcpy(rest, s->position + 3 * (size_t)slot, 3 * sizeof(double)); break;
    case MR_DRIVE_ROTATION:
    case MR_DRIVE_SCALE:
        if (mr_get_trs(s, slot, rotation, scale)) return MR_NONFINITE;
        memcpy(rest, c->kind == MR_DRIVE_SCALE ? scale : rotation, c->width * sizeof(double));
        break;
    case MR_DRIVE_SHOW: rest[0] = s->flags[slot] & MR_VISIBLE ? 1 : 0; break;
    case MR_DRIVE_COLOR:
        for (int k = 0; k < 4; k++) rest[k] = state->color[k];
        break;
    case MR_DRIVE_VALUE: rest[0] = state->value; break;
    default: rest[0] = state->flags >> (c->kind - MR_DRIVE_FLAG) & 1;
    }
    return MR_OK;
}

/* Where a part has shown weights of the node above that are driven: what these are at rest, so that it does not matter when it is bound. */
static void inherit_rest(const mr_store *s, const mr_mixer *m, const mr_channel *c, uint32_t above) {
    const uint32_t k = *place_of(m, s->id_serial[above], MR_DRIVE_WEIGHTS, c->width);
    if (k != EMPTY && m->channels[k].idle != 1) memcpy(m->rest + c->at, m->rest + m->channels[k].at, c->width * sizeof(double));
}

/* The channel of a target, made where there is none; its rest value is taken when the first action binds it. */
static int bind(mr_store *s, mr_mixer *m, const mr_track *t, uint32_t target, uint32_t *out) {
    uint32_t index = t->kind == MR_DRIVE_NUMBERS ? target : mr_resolve(s, target);
    *out = MR_NONE;
    if (index == MR_NONE || (index == 0 && t->kind != MR_DRIVE_NUMBERS)) return MR_OK; /* a removed node: nothing is driven */
    uint64_t serial = t->kind == MR_DRIVE_NUMBERS ? target : s->id_serial[index];
    uint32_t *place = place_of(m, serial, t->kind, t->width), k = *place;
    if (k == EMPTY) {
        mr_channel c = {.serial = serial, .index = index, .at = m->number_count, .width = (uint16_t)t->width, .kind = t->kind, .idle = 1};
        k = m->channel_count;
        m->channels[k] = c;
    }
    mr_channel *c = m->channels + k;
    if (c->width != t->width) return MR_OK;
    const uint32_t above = t->kind == MR_DRIVE_WEIGHTS ? mr_weights_from(s, index) : index;
    int bad = above == index ? MR_OK : mr_keep_pose(s, index); /* a part that is driven is on its own */
    if (bad) return bad;
    if (c->idle == 1 && read_rest(s, c, t->rest, m->rest + c->at)) return MR_NONFINITE;
    if (c->idle == 1 && above != index) inherit_rest(s, m, c, above);
    if (k == m->channel_count) {
        *place = m->channel_count++;
        m->number_count += t->width;
    }
    if (c->idle) c->idle = WOKEN;
    c->users++;
    *out = k;
    return MR_OK;
}

static void unbind(mr_mixer *m, mr_layer *l) {
    for (uint32_t k = 0; k < l->bound; k++)
        if (l->channel[k] != MR_NONE) m->channels[l->channel[k]].users--;
    mr_block_release(l->track);
    mr_block_release(l->channel);
    mr_block_release(l->fade);
    *l = (mr_layer){0};
}

mr_mixer *mr_mixer_new(void) { return mr_block_new(sizeof(mr_mixer)); }

void mr_mixer_free(mr_mixer *m) {
    if (!m) return;
    for (uint32_t k = 0; k < m->layer_count; k++) unbind(m, m->layers + k);
    void *blocks[] = {m->channels, m->rest, m->sum, m->share, m->table, m->layers, m->soles, m->mixed, m};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) mr_block_release(blocks[k]);
}

uint64_t mr_mixer_bytes(const mr_mixer *m) {
    const void *blocks[] = {m->channels, m->rest, m->sum, m->share, m->table, m->layers, m->soles, m->mixed, m};
    uint64_t sum = 0;
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) sum += mr_block_bytes(blocks[k]);
    for (const mr_layer *l = m->layers; l < m->layers + m->layer_count; l++)
        sum += mr_block_bytes(l->track) + mr_block_bytes(l->channel) + mr_block_bytes(l->fade);
    return sum;
}

int mr_layer_add(mr_store *s, mr_mixer *m, const mr_track *tracks, uint32_t n) {
    uint64_t targets = 0, numbers = 0;
    for (uint32_t k = 0; k < n; k++) {
        targets += tracks[k].targets;
        numbers += (uint64_t)tracks[k].targets * tracks[k].width;
    }
    if (reserve(m, targets, numbers) || mr_grow(&m->layers, &m->layer_cap, m->layer_count + 1, sizeof(mr_layer))) return MR_NOMEM;
    mr_layer l = {.tracks = n, .track = mr_block_new(n * sizeof(mr_track) + 1), .channel = mr_block_new(targets * sizeof(uint32_t) + 1)};
    int bad = l.track && l.channel ? MR_OK : MR_NOMEM;
    if (!bad) memcpy(l.track, tracks, n * sizeof(mr_track));
    for (uint32_t k = 0; k < n && !bad; k++)
        for (uint32_t i = 0; i < tracks[k].targets && !bad; i++)
            if (!(bad = bind(s, m, tracks + k, tracks[k].target[i], l.channel + l.bound))) l.bound++;
    for (uint32_t i = 0; i < l.bound; i++) {
        mr_channel *c = l.channel[i] == MR_NONE ? NULL : m->channels + l.channel[i];
        if (c && c->idle == WOKEN) c->idle = bad != MR_OK; /* what was at rest stays so where nothing is added */
    }
    m->rebound = 1;
    if (bad) unbind(m, &l);
    else m->layers[m->layer_count++] = l;
    return bad;
}

int mr_layer_fade(mr_mixer *m, uint32_t layer, const mr_fade *fades, uint32_t n) {
    mr_fade *copy = mr_block_new(n * sizeof(mr_fade) + 1);
    if (!copy) return MR_NOMEM;
    if (n) memcpy(copy, fades, n * sizeof(mr_fade));
    mr_block_release(m->layers[layer].fade);
    m->layers[layer].fade = copy;
    m->layers[layer].fades = n;
    return MR_OK;
}

void mr_layer_remove(mr_mixer *m, uint32_t layer) {
    m->rebound = 1;
    unbind(m, m->layers + layer);
}

void mr_layers_close_up(mr_mixer *m) {
    uint32_t kept = 0;
    for (uint32_t k = 0; k < m->layer_count; k++)
        if (m->layers[k].track) m->layers[kept++] = m->layers[k];
    m->layer_count = kept;
    m->rebound = 1; /* long tracks know their layer by its number */
}

/* Drops channels that nothing drives, once they are half of all. */
static void compact(mr_mixer *m) {
    uint32_t kept = 0, numbers = 0, idle = 0;
    for (uint32_t k = 0; k < m->channel_count; k++) idle += m->channels[k].idle;
    if (idle < 64 || 2 * idle < m->channel_count) return;
    uint32_t *moved = (uint32_t *)m->share; /* scratch: as many rows, and wider */
    for (uint32_t k = 0; k < m->channel_count; k++) {
        mr_channel c = m->channels[k];
        if (c.idle) continue;
        memmove(m->rest + numbers, m->rest + c.at, c.width * sizeof(double));
        memmove(m->sum + numbers, m->sum + c.at, c.width * sizeof(double));
        c.at = numbers;
        numbers += c.width;
        m->channels[kept] = c;
        moved[k] = kept++;
    }
    for (uint32_t k = 0; k < m->layer_count; k++)
        for (uint32_t i = 0; i < m->layers[k].bound; i++)
            if (m->layers[k].channel[i] != MR_NONE) m->layers[k].channel[i] = moved[m->layers[k].channel[i]];
    m->channel_count = kept;
    m->number_count = numbers;
    fill_table(m);
}

/* Whether a track is long and drives, in the order of their channels, what no other track drives. */
static int is_sole(const mr_mixer *m, const mr_track *t, const uint32_t *channel) {
    if (t->targets < LONG_TRACK || t->kind >= MR_DRIVE_NUMBERS) return 0;
    for (uint32_t i = 0; i < t->targets; i++)
        if (channel[i] == MR_NONE || channel[i] != channel[0] + i || m->channels[channel[i]].users != 1) return 0;
    return 1;
}

/* Whether channels are for nodes that were made one after the other. */
static int is_straight(const mr_channel *c, uint32_t n) {
    for (uint32_t i = 1; i < n; i++)
        if (c[i].index != c->index + i || c[i].serial != c->serial + i) return 0;
    return 1;
}

int mr_mixer_arrange(mr_mixer *m) {
    const uint32_t most = m->channel_count / LONG_TRACK;
    if (!m->rebound) return MR_OK;
    if (mr_grow(&m->soles, &m->sole_cap, most, sizeof(mr_sole)) || mr_grow(&m->mixed, &m->mixed_cap, most + 1, sizeof(mr_run))) return MR_NOMEM;
    compact(m);
    m->rebound = m->turned = m->sole_count = 0;
    for (uint32_t k = 0; k < m->channel_count; k++) m->turned += m->channels[k].kind == MR_DRIVE_ROTATION || m->channels[k].kind == MR_DRIVE_SCALE;
    for (uint32_t k = 0; k < m->layer_count; k++) {
        const uint32_t *channel = m->layers[k].channel;
        for (mr_track *t = m->layers[k].track; t < m->layers[k].track + m->layers[k].tracks; channel += t->targets, t++) {
            t->alone = 0;
            if (!is_sole(m, t, channel)) continue;
            uint32_t at = m->sole_count++; /* by channel */
            for (; at && m->soles[at - 1].first > channel[0]; at--) m->soles[at] = m->soles[at - 1];
            m->soles[at] = (mr_sole){t, channel[0], k, is_straight(m->channels + channel[0], t->targets)};
        }
    }
    return MR_OK;
}

uint32_t mr_numbers_of(const mr_mixer *m, uint32_t target, double *out) {
    if (!m->table_size) return 0;
    uint32_t k = *place_of(m, target, MR_DRIVE_NUMBERS, 0);
    if (k == EMPTY) return 0;
    memcpy(out, m->sum + m->channels[k].at, m->channels[k].width * sizeof(double));
    return m->channels[k].width;
}
