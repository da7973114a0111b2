// Computes: the tone curves that bring scene-referred light into the range of a display.
// Space: linear light, Rec. 709 primaries, in and out; exposure is applied before, sRGB encoding after.
// Included by: material shaders and the sky; Unlit, backgrounds of a plain colour and overlays skip it.
//
// vec3 tone_map(vec3 color, int curve)     curve is one of the four constants; results of 1 to 3 lie in [0, 1]

const int TONE_NONE = 0;
const int TONE_NEUTRAL = 1;     // Khronos PBR Neutral: base colours below 0.8 come through unchanged
const int TONE_ACES = 2;        // ACES as fitted by Stephen Hill, linear input times 1/0.6
const int TONE_AGX = 3;         // AgX by Troy Sobotka, default look, sixth-order fit of its sigmoid

vec3 tone_neutral(vec3 color)
{
    const float START = 0.8 - 0.04;     // 0.04 is the reflection of a dielectric that the curve takes off
    const float DESATURATION = 0.15;
    float low = min(color.r, min(color.g, color.b));
    color -= low < 0.08 ? low - 6.25 * low * low : 0.04;
    float peak = max(color.r, max(color.g, color.b));
    if (peak < START) return color;
    float room = 1.0 - START;
    float compressed = 1.0 - room * room / (peak + room - START);
    float white = 1.0 - 1.0 / (DESATURATION * (peak - compressed) + 1.0);
    return mix(color * (compressed / peak), vec3(compressed), white);
}

vec3 tone_aces(vec3 color)
{
    // GLSL matrices are written column by column.
    const mat3 TO_FIT = mat3(0.59719, 0.07600, 0.02840, 0.35458, 0.90834, 0.13383, 0.04823, 0.01566, 0.83777);
    const mat3 FROM_FIT = mat3(1.60475, -0.10208, -0.00327, -0.53108, 1.10813, -0.07276, -0.07367, -0.00605, 1.07602);
    vec3 v = TO_FIT * (color / 0.6);
    vec3 above = v * (v + 0.0245786) - 0.000090537;
    vec3 below = v * (0.983729 * v + 0.4329510) + 0.238081;
    return clamp(FROM_FIT * (above / below), 0.0, 1.0);
}

vec3 tone_agx(vec3 color)
{
    // Rec. 709 <-> Rec. 2020 primaries (D65), then the inset and outset of AgX with its log2 range of 16.5 stops.
    const mat3 TO_2020 = mat3(0.6274, 0.0691, 0.0164, 0.3293, 0.9195, 0.0880, 0.0433, 0.0113, 0.8956);
    const mat3 FROM_2020 = mat3(1.6605, -0.1246, -0.0182, -0.5876, 1.1329, -0.1006, -0.0728, -0.0083, 1.1187);
    const mat3 INSET = mat3(0.856627153315983, 0.137318972929847, 0.11189821299995,
                            0.0951212405381588, 0.761241990602591, 0.0767994186031903,
                            0.0482516061458583, 0.101439036467562, 0.811302368396859);
    const mat3 OUTSET = mat3(1.1271005818144368, -0.1413297634984383, -0.14132976349843826,
                             -0.11060664309660323, 1.157823702216272, -0.11060664309660294,
                             -0.016493938717834573, -0.016493938717834257, 1.2519364065950405);
    const float LOWEST = -12.47393;
    const float HIGHEST = 4.026069;
    vec3 v = INSET * (TO_2020 * color);
    v = clamp((log2(max(v, vec3(1e-10))) - LOWEST) / (HIGHEST - LOWEST), 0.0, 1.0);
    v = (((((15.5 * v - 40.14) * v + 31.96) * v - 6.868) * v + 0.4298) * v + 0.1191) * v - 0.00232;
    v = pow(max(OUTSET * v, vec3(0.0)), vec3(2.2));
    return clamp(FROM_2020 * v, 0.0, 1.0);
}

vec3 tone_map(vec3 color, int curve)
{
    if (curve == TONE_NONE) return color;
    color = clamp(color, 0.0, 65504.0);     // keeps squares finite, so that no pixel becomes NaN
    if (curve == TONE_NEUTRAL) return tone_neutral(color);
    if (curve == TONE_ACES) return tone_aces(color);
    return tone_agx(color);
}
