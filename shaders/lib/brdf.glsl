// Computes: the metallic-roughness BRDF of glTF 2.0 (GGX, height-correlated Smith, Schlick) and its answer to one punctual light.
// Space: unit vectors that point away from the surface, all in any one space; linear light.
// Included by: lib/ibl.glsl and lit material shaders.
//
// struct Layers { vec3 diffuse; vec3 f0; float metallic; float roughness; vec3 gain; }
// Layers make_layers(vec3 base_color, float metallic, float roughness)
// Layers compensated(Layers layers, float nv)                                 sets gain: call before direct_light
// float filtered_roughness(float roughness, vec3 normal)                      fragment stage only: uses derivatives
// vec3 direct_light(Layers layers, vec3 normal, vec3 view, vec3 light)        BRDF times max(N.L, 0): multiply by lux
//
// Layers: light that the dielectric interface does not reflect, 1 - F(V.H), reaches the diffuse base; metals have no base.
// image_based_light uses the cosine-weighted mean of the same weight, so both kinds of light see one material.

const float PI = 3.14159265358979;
const float DIELECTRIC_F0 = 0.04;       // index of refraction 1.5
const float LOWEST_ROUGHNESS = 0.045;   // punctual lights have no area: below it a highlight is smaller than a pixel

struct Layers
{
    vec3 diffuse;       // albedo of the diffuse base: base colour times (1 - metallic)
    vec3 f0;            // reflectance at normal incidence
    float metallic;
    float roughness;    // perceptual, 0 to 1; alpha of GGX is its square
    vec3 gain;          // of the specular lobe, for light that bounces between facets; 1 until compensated()
};

Layers make_layers(vec3 base_color, float metallic, float roughness)
{
    metallic = clamp(metallic, 0.0, 1.0);
    return Layers(base_color * (1.0 - metallic), mix(vec3(DIELECTRIC_F0), base_color, metallic), metallic, clamp(roughness, 0.0, 1.0),
                  vec3(1.0));
}

// Rough metals lose up to 60 % of their light in a single-bounce lobe; most of it comes back after further bounces between
// facets. Three quarters are given back: path tracers disagree (some give all, some nothing), none at all stands far from most
// real-time engines, and all of it makes rough white metal look like white paint. Dielectrics keep the plain lobe: they lose
// little, and their diffuse base already gets what the interface does not reflect.
vec3 energy_gain(Layers layers, float white_albedo)
{
    return 1.0 + 0.75 * layers.metallic * layers.f0 * (1.0 / max(white_albedo, 0.1) - 1.0);
}

// Albedo of a white single-bounce lobe: a least-squares fit of the sum of the first two channels of the DFG table, within 0.1
// (0.02 on average). Punctual lights use it, because it costs less than a texture and needs none.
float white_lobe_albedo(float roughness, float nv)
{
    float r = roughness;
    float loss = 1.6156 + r * (1.2491 * r - 2.5667) + nv * (r * (6.9581 - 3.7166 * r) - 2.8075);
    return 1.0 - r * r * loss;
}

// nv: N.V.
Layers compensated(Layers layers, float nv)
{
    layers.gain = energy_gain(layers, white_lobe_albedo(layers.roughness, nv));
    return layers;
}

// Schlick's weight of grazing reflection: F = f0 + (1 - f0) * schlick_weight(V.H).
float schlick_weight(float cosine)
{
    float m = clamp(1.0 - cosine, 0.0, 1.0);    // a cosine above 1 by rounding would give NaN in pow
    float m2 = m * m;
    return m2 * m2 * m;
}

// GGX normal distribution, per steradian.
float ggx_distribution(float nh, float alpha)
{
    float a2 = alpha * alpha;
    float d = nh * nh * (a2 - 1.0) + 1.0;
    return a2 / (PI * d * d);
}

// Height-correlated Smith masking and shadowing, divided by 4 (N.L)(N.V).
float smith_visibility(float nl, float nv, float alpha)
{
    float a2 = alpha * alpha;
    float by_view = nl * sqrt(nv * nv * (1.0 - a2) + a2);
    float by_light = nv * sqrt(nl * nl * (1.0 - a2) + a2);
    return 0.5 / max(by_view + by_light, 1e-7);
}

// Widens the lobe by how much the normal turns inside a pixel, so that highlights on small curved parts do not flicker.
float filtered_roughness(float roughness, vec3 normal)
{
    vec3 across = dFdx(normal);
    vec3 down = dFdy(normal);
    float variance = 0.25 * (dot(across, across) + dot(down, down));
    float alpha = roughness * roughness;
    return sqrt(sqrt(clamp(alpha * alpha + min(2.0 * variance, 0.18), 0.0, 1.0)));
}

vec3 direct_light(Layers layers, vec3 normal, vec3 view, vec3 light)
{
    float nl = dot(normal, light);
    if (nl <= 0.0) return vec3(0.0);
    vec3 both = view + light;
    vec3 halfway = both * inversesqrt(max(dot(both, both), 1e-12));
    float nv = max(dot(normal, view), 1e-4);
    float nh = clamp(dot(normal, halfway), 0.0, 1.0);
    float roughness = max(layers.roughness, LOWEST_ROUGHNESS);
    float alpha = roughness * roughness;
    float grazing = schlick_weight(dot(view, halfway));
    vec3 fresnel = layers.f0 + (1.0 - layers.f0) * grazing;
    vec3 specular = fresnel * layers.gain * (ggx_distribution(nh, alpha) * smith_visibility(min(nl, 1.0), nv, alpha));
    float transmitted = (1.0 - DIELECTRIC_F0) * (1.0 - grazing);
    return (layers.diffuse * (transmitted / PI) + specular) * nl;
}
