/* Clips: curves over time that are sampled, mixed by weight and written to what they drive, in one call for everything that plays.
 *
 * Pure: what is written follows from the rest values, the actions in their order, and the time; never from earlier calls.
 */
#include "curves.inl"

#define BLOCK 64 /* targets that a long track samples and writes at a time */
enum { SCATTERED = 1, STRAIGHT = 2 }; /* how a track is written alone */

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
    if (c->kind == MR_DRIVE_NUMBERS || c->index >= s->id_count) return; /* rows of ids that were given back lie beyond */
    if (s->id_serial[c->index] != c->serial) return; /* a removed node: silent */
    uint32_t slot = s->id_slot[c->index];
    if (c->kind == MR_DRIVE_POSITION) mr_move_run(s, slot, 1, value);
    else if (c->kind == MR_DRIVE_ROTATION || c->kind == MR_DRIVE_SCALE) write_trs(s, slot, c->kind, value);
    else if (c->kind == MR_DRIVE_WEIGHTS) write_weights(s, c, value);
    else if (c->kind == MR_DRIVE_SHOW) mr_flag_many(s, &slot, 1, value[0] >= 0.5, 0);
    else write_state(s, slot, c->kind, value);
}

/* Whether nodes that were made one after the other are all there, in slots one after the other. */
static int stands(const mr_store *s, const mr_channel *c, uint32_t n) {
    if (c->index >= s->id_count || n > s->id_count - c->index) return 0;
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
    if (mr_mixer_arrange(m) || mr_reserve_marks(s, m->channel_count, 0) || mr_reserve_marks(s, m->turned, 1)) return MR_NOMEM; /* nothing below fails */
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
