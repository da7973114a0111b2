// One triangle that covers the picture, at the far plane (depth 0 in reversed-Z).
// Space: clip space. The composer makes it the vertex unit of sky and encode programs.
out vec2 v_clip;

void main() {
    v_clip = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
    gl_Position = vec4(v_clip, 0.0, 1.0);
}
