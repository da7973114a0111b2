/* Clips: curves over time that are sampled, mixed by weight and written to what they drive, in one call for everything that plays.
 *
 * Pure: what is written follows from the rest values, the actions in their order, and the time; never from earlier calls.
 */
#include "curves.inl"

#define EMPTY MR_NONE
#define LONG_TRACK 256 /* targets from which on a track that alone drives them is written without sums */
#define BLOCK 64       /* targets that such a track samples and writes at a time */
enum { SCATTERED = 1, STRAIGHT = 2 }; /* how a track is written alone */
#define WOKEN 2        /* in place of idle: by the layer that is being added */

/* ---- what is driven ---- */

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
    int bad = t->kind == MR_DRIVE_WEIGHTS ? mr_keep_pose(s, index) : MR_OK; /* a part that is driven is on its own */
    if (bad) return bad;
    if (c->idle == 1 && read_rest(s, c, t->rest, m->rest + c->at)) return MR_NONFINITE;
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

/* What follows from what plays, once after each change of that: channels in use, and the long tracks that need no sums. */
static int arrange(mr_mixer *m) {
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

/* ---- writing; what is there already is left alone ---- */

static double within(double value, double low, double high) { return value < low ? low : value > high ? high : value; }

static void write_trs(mr_store *s, uint32_t slot, int kind, const double *value) {
    double rotation[4], scale[3], old[4];
    if (mr_get_trs(s, slot, rotation, scale)) { /* sheared since: what is driven is the whole of it */
        memcpy(rotation, (double[4]){0, 0, 0, 1}, sizeof rotation);
        memcpy(scale, (double[3]){1, 1, 1}, sizeof scale);
    }
    double *to = kind == MR_DRIVE_SCALE ? scale : rotation;
    size_t width = kind == MR_DRIVE_SCALE ? 3 : 4;
    memcpy(old, to, width * sizeof(double));
    for (size_t k = 0; k < width; k++) to[k] = within(value[k], -MR_DRIVE_LARGEST, MR_DRIVE_LARGEST);
    if (s->trs[slot] == MR_NONE || memcmp(old, to, width * sizeof(double))) mr_set_trs(s, slot, NULL, rotation, scale);
}

static void write_state(mr_store *s, uint32_t slot, int kind, const double *value) {
    mr_state row = s->state[slot];
    if (kind == MR_DRIVE_COLOR)
        for (int k = 0; k < 4; k++) row.color[k] = (uint8_t)(within(value[k], 0, 255) + 0.5);
    else if (kind == MR_DRIVE_VALUE) row.value = (float)within(value[0], -3e38, 3e38);
    else row.flags = (row.flags & ~(1u << (kind - MR_DRIVE_FLAG))) | (uint32_t)(value[0] >= 0.5) << (kind - MR_DRIVE_FLAG);
    if (!memcmp(&row, s->state + slot, sizeof row)) return;
    s->state[slot] = row;
    mr_mark(s, slot, 1, MR_TINTED);
}

static void write_weights(mr_store *s, const mr_channel *c, const double *value) {
    float weights[MR_MAX_WIDTH];
    for (uint32_t k = 0; k < c->width; k++) weights[k] = (float)within(value[k], -MR_DRIVE_LARGEST, MR_DRIVE_LARGEST);
    mr_set_weights(s, c->index, weights, c->width); /* another mesh with another number of morphs: silent */
}

static void write_channel(mr_store *s, const mr_channel *c, const double *value) {
    if (c->kind == MR_DRIVE_NUMBERS || s->id_serial[c->index] != c->serial) return; /* a removed node: silent */
    uint32_t slot = s->id_slot[c->index];
    if (c->kind == MR_DRIVE_POSITION) mr_move_run(s, slot, 1, value);
    else if (c->kind == MR_DRIVE_ROTATION || c->kind == MR_DRIVE_SCALE) write_trs(s, slot, c->kind, value);
    else if (c->kind == MR_DRIVE_WEIGHTS) write_weights(s, c, value);
    else if (c->kind == MR_DRIVE_SHOW) mr_flag_many(s, &slot, 1, value[0] >= 0.5, 0);
    else write_state(s, slot, c->kind, value);
}

/* Whether nodes that were made one after the other are all there, in slots one after the other. */
static int stands(const mr_store *s, const mr_channel *c, uint32_t n) {
    const uint64_t *serial = s->id_serial + c->index;
    const uint32_t *slot = s->id_slot + c->index;
    uint64_t other = 0;
    for (uint32_t i = 0; i < n; i++) other |= (serial[i] ^ (c->serial + i)) | (slot[i] ^ (slot[0] + i));
    return !other;
}

/* Writes a track of full weight that alone drives its targets, in one pass: the same bits as by sums. */
static void write_alone(mr_store *s, const mr_track *t, moment at, const mr_channel *c) {
    double value[4 * BLOCK];
    for (uint32_t i = 0; i < t->targets; i += BLOCK, c += BLOCK) {
        const uint32_t n = t->targets - i < BLOCK ? t->targets - i : BLOCK;
        if (!i || t->rows > 1) sample_rows(t, at, i, n, value);
        if (t->kind == MR_DRIVE_POSITION && t->alone == STRAIGHT && stands(s, c, n)) mr_move_run(s, s->id_slot[c->index], n, value);
        else
            for (uint32_t k = 0; k < n; k++) write_channel(s, c + k, value + t->width * k);
    }
}

/* ---- actions ---- */

/* Seconds of the clip at a time of the scene. */
static double clip_time(const mr_action *a, double seconds) {
    const double d = a->duration, t = a->phase + (seconds - a->origin) * a->rate;
    if (!(d > 0)) return 0;
    if (a->loop == MR_ONCE) return within(t, 0, d);
    const double period = a->loop == MR_REPEAT ? d : 2 * d;
    double in = fmod(t, period); /* exact, after any number of repeats */
    if (in < 0 || (in == 0 && signbit(a->rate))) in += period; /* backwards each round begins with the end */
    return in > d ? 2 * d - in : in;
}

/* Share that the fades of an action leave it. */
static double faded(const mr_layer *l, double seconds) {
    const mr_fade *f = l->fade;
    uint32_t low = 0, high = l->fades; /* times below `low` are not later than seconds, those from `high` on are */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f[middle].time <= seconds) low = middle + 1;
        else high = middle;
    }
    if (!low || low == l->fades) return !l->fades ? 1 : f[low ? low - 1 : 0].share;
    const double u = (seconds - f[low - 1].time) / (f[low].time - f[low - 1].time);
    return (1 - u) * f[low - 1].share + u * f[low].share;
}

/* Weight at a time, fades included; 0 before the action starts. */
static double strength(const mr_layer *l, const mr_action *a, double seconds) {
    return seconds < a->start || a->weight == 0 ? 0 : a->weight * faded(l, seconds);
}

static void add_row(mr_mixer *m, uint32_t channel, const double *value, double weight) {
    const mr_channel *c = m->channels + channel;
    double *sum = m->sum + c->at;
    const int first = m->share[channel] == 0;
    m->share[channel] += weight;
    if (!first && c->kind == MR_DRIVE_ROTATION && dot4(sum, value) < 0) weight = -weight; /* q and -q are one rotation: take the nearer */
    for (uint32_t k = 0; k < c->width; k++) sum[k] = first ? weight * value[k] : sum[k] + weight * value[k];
}

/* Adds what has changed since the first frame. */
static void lay_row(mr_mixer *m, uint32_t channel, const double *value, const double *first, double weight) {
    const mr_channel *c = m->channels + channel;
    double *q = m->sum + c->at, part[4], r[4];
    if (c->kind != MR_DRIVE_ROTATION) {
        for (uint32_t k = 0; k < c->width; k++) q[k] += weight * (value[k] - first[k]);
        return;
    }
    const double *v = value, x = -first[0], y = -first[1], z = -first[2], w = first[3];
    double change[4] = {w * v[0] + x * v[3] + y * v[2] - z * v[1], w * v[1] - x * v[2] + y * v[3] + z * v[0],
                        w * v[2] + x * v[1] - y * v[0] + z * v[3], w * v[3] - x * v[0] - y * v[1] - z * v[2]};
    make_unit(change);
    turn((double[4]){0, 0, 0, 1}, change, weight, part);
    r[0] = q[3] * part[0] + q[0] * part[3] + q[1] * part[2] - q[2] * part[1];
    r[1] = q[3] * part[1] - q[0] * part[2] + q[1] * part[3] + q[2] * part[0];
    r[2] = q[3] * part[2] + q[0] * part[1] - q[1] * part[0] + q[2] * part[3];
    r[3] = q[3] * part[3] - q[0] * part[0] - q[1] * part[1] - q[2] * part[2];
    make_unit(r);
    memcpy(q, r, sizeof r);
}

static void play_layer(mr_store *s, mr_mixer *m, const mr_layer *l, double time, double weight, int additive) {
    const uint32_t *channel = l->channel;
    double value[MR_MAX_WIDTH], first[MR_MAX_WIDTH];
    moment at = {0}, start = {0};
    for (const mr_track *t = l->track; t < l->track + l->tracks; channel += t->targets, t++) {
        if (t == l->track || t->times != t[-1].times || t->keys != t[-1].keys) { /* most tracks of a clip share their times */
            at = find(t, time);
            start = find(t, 0);
        }
        m->sampled += t->rows;
        if (t->alone) {
            write_alone(s, t, at, m->channels + channel[0]);
            continue;
        }
        for (uint32_t i = 0; i < t->targets; i++) {
            if (!i || t->rows > 1) {
                sample(t, at, i, value);
                if (additive) sample(t, start, i, first);
            }
            if (channel[i] == MR_NONE) continue;
            if (additive) lay_row(m, channel[i], value, first, weight);
            else add_row(m, channel[i], value, weight);
        }
    }
}

static void play_all(mr_store *s, mr_mixer *m, const mr_action *actions, double seconds, uint32_t additive) {
    for (uint32_t k = 0; k < m->layer_count; k++) {
        const mr_action *a = actions + k;
        double weight = a->additive == additive ? strength(m->layers + k, a, seconds) : 0;
        if (weight > 0) play_layer(s, m, m->layers + k, clip_time(a, seconds), weight, (int)additive);
    }
}

/* Which long tracks are written alone this time, and the runs of channels that are mixed by sums. */
static void choose(mr_mixer *m, const mr_action *actions, double seconds) {
    uint32_t end = 0;
    m->mixed_count = 0;
    for (const mr_sole *sole = m->soles; sole < m->soles + m->sole_count; sole++) {
        const mr_action *a = actions + sole->layer;
        sole->track->alone = a->additive || strength(m->layers + sole->layer, a, seconds) != 1 ? 0 : sole->straight ? STRAIGHT : SCATTERED;
        if (!sole->track->alone) continue;
        if (sole->first > end) m->mixed[m->mixed_count++] = (mr_run){end, sole->first - end};
        end = sole->first + sole->track->targets;
    }
    if (end < m->channel_count) m->mixed[m->mixed_count++] = (mr_run){end, m->channel_count - end};
}

/* The sum of a channel to its mean: what the weights leave of 1 is the rest value. */
static void settle_sum(mr_mixer *m, uint32_t k) {
    const mr_channel *c = m->channels + k;
    const double share = m->share[k], *rest = m->rest + c->at;
    double *sum = m->sum + c->at;
    if (share == 0) {
        memcpy(sum, rest, c->width * sizeof(double));
        return;
    }
    if (share < 1) {
        double left = 1 - share;
        if (c->kind == MR_DRIVE_ROTATION && dot4(sum, rest) < 0) left = -left;
        for (uint32_t i = 0; i < c->width; i++) sum[i] += left * rest[i];
    }
    if (c->kind == MR_DRIVE_ROTATION) make_unit(sum);
    else if (share > 1)
        for (uint32_t i = 0; i < c->width; i++) sum[i] /= share;
}

int mr_play(mr_store *s, mr_mixer *m, const mr_action *actions, double seconds) {
    if (arrange(m) || mr_reserve_marks(s, m->channel_count, 0) || mr_reserve_marks(s, m->turned, 1)) return MR_NOMEM; /* nothing below fails */
    choose(m, actions, seconds);
    const mr_run *runs = m->mixed, *end = runs + m->mixed_count;
    for (const mr_run *r = runs; r < end; r++) memset(m->share + r->first, 0, r->count * sizeof(double));
    m->sampled = 0;
    play_all(s, m, actions, seconds, 0);
    for (const mr_run *r = runs; r < end; r++)
        for (uint32_t k = r->first; k < r->first + r->count; k++)
            if (!m->channels[k].idle) settle_sum(m, k);
    play_all(s, m, actions, seconds, 1);
    for (const mr_run *r = runs; r < end; r++)
        for (uint32_t k = r->first; k < r->first + r->count; k++) {
            mr_channel *c = m->channels + k;
            if (c->idle) continue;
            write_channel(s, c, m->sum + c->at);
            if (!c->users) c->idle = m->rebound = 1; /* back at rest */
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
