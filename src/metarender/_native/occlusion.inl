/* Where 64 boxes lie in the coarse picture, for one instruction-set level. Included by occlusion.c; plain C that compilers
 * vectorise, in one order of operations.
 *
 * A box is bounded by its extents along the axes of the camera: x/z over [x - ex, x + ex] and [z - ez, z + ez] has its ends at
 * the nearest or the farthest depth, by sign.
 */
MR_TARGET static void MR_LEVEL(footprints)(const mr_frame *f, const float *box, const float *offset, footprint *out) {
    for (int i = 0; i < 64; i++) {
        float extent[3], centre[3];
        for (int k = 0; k < 3; k++) {
            const float *n = f->axes[k], *a = f->absolute[k];
            centre[k] = ((n[0] * box[i] + n[1] * box[64 + i]) + n[2] * box[128 + i]) + offset[64 * k + i];
            extent[k] = ((a[0] * box[192 + i] + a[1] * box[256 + i]) + a[2] * box[320 + i]) + offset[192 + i];
        }
        float nearest = centre[2] - extent[2], farthest = centre[2] + extent[2];
        float by_near = f->parallel ? 1.0f : 1.0f / nearest, by_far = f->parallel ? 1.0f : 1.0f / farthest;
        float left = centre[0] - extent[0], right = centre[0] + extent[0], low = centre[1] - extent[1], high = centre[1] + extent[1];
        out->x0[i] = left * (left < 0 ? by_near : by_far) * f->gain[0] + f->shift[0] - f->margin;
        out->x1[i] = right * (right > 0 ? by_near : by_far) * f->gain[0] + f->shift[0] + f->margin;
        out->y0[i] = low * (low < 0 ? by_near : by_far) * f->gain[1] + f->shift[1] - f->margin;
        out->y1[i] = high * (high > 0 ? by_near : by_far) * f->gain[1] + f->shift[1] + f->margin;
        float q = f->parallel ? -nearest + offset[192 + i] : by_near * 1.00001f;
        out->q[i] = nearest > f->near ? q : INFINITY;
    }
}
