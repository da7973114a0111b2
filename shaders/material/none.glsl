// Stands for a material in programs whose pass reads none; the preprocessor drops its use.
// Space: none. Included through the composer, as "material/surface.glsl".
