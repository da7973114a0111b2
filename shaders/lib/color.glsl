// Computes: the exact sRGB transfer functions (IEC 61966-2-1, piecewise), in both directions.
// Space: linear light with Rec. 709 primaries on one side, sRGB-encoded values on the other; nothing is clamped.
// Included by: passes that write or read encoded colour (resolve, unlit state colours), tests.
//
// vec3 srgb_encode(vec3 linear)      vec3 srgb_decode(vec3 encoded)

vec3 srgb_encode(vec3 linear)
{
    vec3 low = linear * 12.92;
    vec3 high = 1.055 * pow(max(linear, vec3(0.0031308)), vec3(1.0 / 2.4)) - 0.055;
    return mix(low, high, greaterThan(linear, vec3(0.0031308)));
}

vec3 srgb_decode(vec3 encoded)
{
    vec3 low = encoded / 12.92;
    vec3 high = pow((max(encoded, vec3(0.04045)) + 0.055) / 1.055, vec3(2.4));
    return mix(low, high, greaterThan(encoded, vec3(0.04045)));
}
