"""The deliberate faults: what is put in place of what, and which tests have to notice. One table, so one long file.

`old` stands exactly once in its file, and `test_planted.py` holds that, so that the table cannot rot. Faults are what really goes wrong in
renderers: a factor twice or not at all, a sign, an order, an off-by-one, an upload that is lost. None is there because it is easy to see.
"""

from __future__ import annotations

from typing import NamedTuple

CARDS = "tests/faults/test_cards.py"
DRAWING = "tests/gpu/test_drawing.py"
STATES = "tests/gpu/test_part_states.py"
OUTPUTS = "tests/gpu/test_outputs.py"
SHADOW = "tests/gpu/test_shadow.py"
EXACT = "tests/gpu/test_color_exact.py"
LIB = "tests/gpu/test_shader_lib.py"
CONTRACT = "tests/gpu/test_frame_contract.py"


class Fault(NamedTuple):
    """One wrong line.

    Attributes
    ----------
    name : str
    file : str
        Below the root of the repository.
    old, new : str
        What stands there once, and what takes its place.
    tests : tuple of str
        Node ids that are run; at least one must fail by an assertion.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = (CARDS,)


def _shader(name: str, file: str, old: str, new: str, *tests: str) -> Fault:
    return Fault(name, f"shaders/{file}", old, new, (CARDS, *tests))


def _python(name: str, file: str, old: str, new: str, *tests: str) -> Fault:
    return Fault(name, f"src/metarender/{file}", old, new, (CARDS, *tests))


def _native(name: str, file: str, old: str, new: str, *tests: str) -> Fault:
    return Fault(name, f"src/metarender/_native/{file}", old, new, (CARDS, *tests))


COLOR = (
    _shader("sRGB is encoded twice", "pass/encode.frag.glsl", "srgb_encode(clamp(color.rgb / color.a, 0.0, 1.0))",
            "srgb_encode(srgb_encode(clamp(color.rgb / color.a, 0.0, 1.0)))", f"{EXACT}::test_promise_5_unlit_colors_read_back_exactly"),
    _shader("colours stay premultiplied in the result", "pass/encode.frag.glsl", "color.rgb / color.a", "color.rgb",
            f"{EXACT}::test_a_half_transparent_surface_over_nothing_keeps_its_color"),
    _shader("a picture one pixel to the left", "pass/encode.frag.glsl", "ivec2 place = ivec2(gl_FragCoord.xy);",
            "ivec2 place = ivec2(gl_FragCoord.xy) + ivec2(1, 0);", f"{EXACT}::test_promise_5_unlit_colors_read_back_exactly"),
    _shader("the bottom row comes first", "pass/encode.frag.glsl", "    place.y = SOURCE_HEIGHT - 1 - place.y;\n", "",
            f"{OUTPUTS}::test_top_row_is_first_and_saving_keeps_it"),
    _shader("samples are not resolved", "pass/encode.frag.glsl", "sum += texelFetch(source, place, i);",
            "sum += texelFetch(source, place, 0);", f"{DRAWING}::test_any_msaa_draws_and_is_clamped"),
    _shader("another tone curve", "lib/tonemap.glsl", "if (curve == TONE_ACES) return tone_aces(color);",
            "if (curve == TONE_ACES) return tone_agx(color);", f"{LIB}::test_tone_curves_agree_with_their_twins"),
    _shader("a tone curve that keeps a little more colour", "lib/tonemap.glsl", "const float DESATURATION = 0.15;",
            "const float DESATURATION = 0.12;", f"{LIB}::test_tone_curves_agree_with_their_twins"),
    _shader("exposure is applied twice", "pass/shade.frag.glsl", "tone_map(radiance * view.exposure,",
            "tone_map(radiance * view.exposure * view.exposure,"),
    _shader("the sky ignores the exposure", "pass/sky.frag.glsl", "(view.environment.z * view.exposure)", "view.environment.z"),
    _python("colours of textures are not decoded", "gpu/texture_pool.py", "gl.GL_SRGB8_ALPHA8 if key.srgb else gl.GL_RGBA8", "gl.GL_RGBA8",
            f"{DRAWING}::test_textures_of_one_page_and_of_many"),
    _python("numbers of textures are decoded as colours", "gpu/texture_pool.py", "gl.GL_SRGB8_ALPHA8 if key.srgb else gl.GL_RGBA8",
            "gl.GL_SRGB8_ALPHA8"),
    _python("a translucent background is premultiplied twice", "renderer.py", "return premultiplied(scene.background_color)",
            "return premultiplied(premultiplied(scene.background_color))"),
    _shader("colours of vertices are ignored", "pass/fragment.glsl", "f.color = v_color;", "f.color = vec4(1.0);",
            f"{DRAWING}::test_vertex_colors_multiply_and_interpolate"),
    _shader("colours of vertices are decoded as sRGB", "pass/fragment.glsl", "f.color = v_color;",
            "f.color = vec4(srgb_decode(v_color.rgb), v_color.a);", f"{DRAWING}::test_vertex_colors_multiply_and_interpolate"),
    _shader("the override of a part is taken as linear", "interface/surface.glsl", "srgb_decode(override.rgb)", "override.rgb",
            f"{EXACT}::test_instance_colors_blend_over_the_material"),
)

TEXTURES = (
    _python("mip levels are not made", "gpu/texture_pool.py", 'if page.key.levels > 1 and page.key.format == "rgba8":',
            "if page.key.levels > 99:", f"{DRAWING}::test_small_levels_average_linear_light"),
    _shader("v grows upwards", "interface/surface.glsl", "vec3 uv = vec3(f.uv[int(slot.v.w)], 1.0);",
            "vec3 uv = vec3(f.uv[int(slot.v.w)].x, 1.0 - f.uv[int(slot.v.w)].y, 1.0);", f"{DRAWING}::test_a_texture_stands_upright"),
    _shader("the second coordinates are those of the first", "interface/surface.glsl", "vec3 uv = vec3(f.uv[int(slot.v.w)], 1.0);",
            "vec3 uv = vec3(f.uv[0], 1.0);", f"{DRAWING}::test_the_second_set_of_coordinates"),
    _shader("gradients ignore the scale of a texture", "interface/surface.glsl", "return vec2(dot(slot.u.xy, uv), dot(slot.v.xy, uv));",
            "return uv;"),
    _python("a texture turns the other way", "textures.py", "return sx * cosine, sy * sine, tx, -sx * sine, sy * cosine, ty",
            "return sx * cosine, -sy * sine, tx, sx * sine, sy * cosine, ty", f"{DRAWING}::test_texture_transform_turns_as_gltf_says"),
    _python("t wraps as s does", "gpu/texture_pool.py", "(gl.GL_TEXTURE_WRAP_T, _WRAP[sampler.wrap_t])",
            "(gl.GL_TEXTURE_WRAP_T, _WRAP[sampler.wrap_s])"),
    _python("pages of a material are mixed up", "gpu/scene_mirror.py", "for slot, page in zip(slots, pages, strict=True)]",
            "for slot, page in zip(slots, pages[::-1], strict=True)]"),
    _python("all textures are the first of their page", "gpu/material_tables.py",
            "layers = [0 if info is None else self._textures.layer(info.texture) for info in material.texture_infos]",
            "layers = [0 for info in material.texture_infos]", f"{DRAWING}::test_textures_of_one_page_and_of_many"),
    _python("a freed layer is handed out while it is taken", "gpu/texture_pool.py", "layers = [page.free.pop() for _ in textures]",
            "layers = [page.free[-1] for _ in textures]", f"{DRAWING}::test_textures_of_one_page_and_of_many"),
    _shader("metalness is read from red", "material/standard.glsl", "s.metallic *= packed_factors.b;", "s.metallic *= packed_factors.r;"),
    _shader("the occlusion map is ignored", "material/standard.glsl",
            "s.occlusion = mix(1.0, sample_slot(occlusion_texture, ROW.slots[3], f).r, ROW.factors.w);", "s.occlusion = 1.0;"),
    _shader("the strength of the relief is ignored", "lib/normal.glsl", "* vec3(scale, scale, 1.0)", "* vec3(1.0)"),
    _shader("the bitangent points the other way", "lib/normal.glsl", "vec3 b = cross(n, t) * tangent.w;",
            "vec3 b = cross(t, n) * tangent.w;", f"{DRAWING}::test_a_mirrored_normal_map_keeps_its_relief"),
    _shader("without tangents, v points the other way", "lib/normal.glsl", "dot(b, along_v) > 0.0 ? -1.0 : 1.0",
            "dot(b, along_v) > 0.0 ? 1.0 : -1.0", f"{DRAWING}::test_a_mirrored_normal_map_keeps_its_relief"),
)

LIGHT = (
    _python("a light in other units", "light_rows.py", "[channel * light.intensity for channel in light.color]",
            "[channel * light.intensity / math.pi for channel in light.color]",
            f"{EXACT}::test_promise_5_a_white_lambert_surface_facing_pi_lux_is_white"),
    _shader("light falls off with the distance, not its square", "interface/lights.glsl", "return light.color.rgb * (fade / squared);",
            "return light.color.rgb * (fade * inversesqrt(squared));"),
    _shader("the range of a light fades too soon", "interface/lights.glsl", "clamp(1.0 - ratio * ratio, 0.0, 1.0)",
            "clamp(1.0 - ratio, 0.0, 1.0)"),
    _shader("the cone of a spot is not squared", "interface/lights.glsl", "fade *= angular * angular;", "fade *= angular;"),
    _python("lights stand relative to the origin, not the eye", "light_rows.py", "self._positions - eye", "self._positions",
            f"{DRAWING}::test_every_edit_of_a_light_reaches_the_next_frame"),
    _python("hidden lights shine", "light_rows.py", "self._positions, self._shown = world[shown, :3, 3], self._rows[shown]",
            "self._positions, self._shown = world[:, :3, 3], self._rows.copy()",
            f"{DRAWING}::test_every_edit_of_a_light_reaches_the_next_frame"),
    _shader("normals are not normalised again", "pass/fragment.glsl", "? normalize(v_normal) : -view.forward.xyz;",
            "? v_normal : -view.forward.xyz;", f"{DRAWING}::test_uneven_scale_keeps_normals_upright"),
    _shader("normals move like positions", "geometry/mesh.vert.glsl",
            "v_normal = vec3(dot(cofactor0, normal), dot(cofactor1, normal), dot(cofactor2, normal));",
            "v_normal = normal * mat3(row0.xyz, row1.xyz, row2.xyz) * sign(dot(row0.xyz, cofactor0));",
            f"{DRAWING}::test_uneven_scale_keeps_normals_upright"),
    _shader("mirrored normals point inwards", "geometry/mesh.vert.glsl", "    v_normal *= side;\n", "",
            f"{DRAWING}::test_a_mirrored_node_is_the_mirrored_thing"),
    _shader("mirrored tangents keep their handedness", "geometry/mesh.vert.glsl", "in_tangent.w * side);", "in_tangent.w);",
            f"{DRAWING}::test_a_mirrored_normal_map_keeps_its_relief"),
    _shader("back sides are lit from the front", "pass/shade.frag.glsl", "    s.normal *= f.side;\n", "",
            f"{DRAWING}::test_one_side_or_both"),
    _shader("roughness is squared twice", "lib/brdf.glsl",
            "float roughness = max(layers.roughness, LOWEST_ROUGHNESS);\n    float alpha = roughness * roughness;",
            "float roughness = max(layers.roughness, LOWEST_ROUGHNESS);\n    float alpha = roughness * roughness * roughness * roughness;",
            f"{LIB}::test_direct_light_is_the_brdf_of_gltf"),
    _shader("curved highlights are not widened", "lib/brdf.glsl", "min(2.0 * variance, 0.18)", "0.0"),
    _shader("the ambient term is missing", "lib/ibl.glsl", "return layers.diffuse * irradiance * (transmitted * occlusion) + reflected",
            "return reflected", f"{LIB}::test_an_environment_and_a_dome_of_lights_see_one_material"),
    _shader("rough mirrors look at a level too sharp", "lib/ibl.glsl", "return last_level * (sqrt(0.16 + 2.4 * roughness) - 0.4) / 1.2;",
            "return last_level * (sqrt(0.16 + 2.4 * roughness) - 0.4) / 1.4;"),
    _python("two faces of the sky are swapped", "gpu/environment_textures.py", "texels[..., :3] = faces\n",
            "texels[..., :3] = faces[[1, 0, 2, 3, 4, 5]]\n"),
    _python("the sky turns the other way", "view_block.py", "(math.cos(angle), math.sin(angle), environment.intensity",
            "(math.cos(angle), -math.sin(angle), environment.intensity", f"{DRAWING}::test_the_environment_turns_with_its_rotation"),
    _python("the sky is drawn mirrored", "views.py", "axes[:, 0] / projection[0, 0], axes", "-axes[:, 0] / projection[0, 0], axes"),
    _python("the strength of emitted light is ignored", "materials.py", "[channel * self.emissive_strength for channel in self._emissive]",
            "list(self._emissive)"),
    _shader("the sun has no shadow", "pass/shade.frag.glsl", "if (i == int(view.shadow.z))", "if (i == int(view.shadow.z) + 64)",
            f"{SHADOW}::test_a_plate_throws_its_shadow_where_geometry_says"),
    _shader("receivers of shadows do not step back", "lib/shadow.glsl", "const float SHADOW_NORMAL_OFFSET = 2.5;",
            "const float SHADOW_NORMAL_OFFSET = 0.0;", f"{SHADOW}::test_nothing_is_in_its_own_shadow"),
    _python("the bias of shadows has the wrong sign", "views.py", "0.5 * texel / depth)", "-2.5 * texel / depth)",
            f"{SHADOW}::test_nothing_is_in_its_own_shadow"),
    _shader("masked casters throw the shadow of the whole sheet", "pass/depth.frag.glsl", "if (s.color.a < s.alpha_cutoff) discard;", "",
            f"{SHADOW}::test_masked_materials_cast_masked_shadows"),
    _python("the shadow map is kept after an edit", "renderer.py", "now = (draws, scene.store.epoch, scene.material_changes,",
            "now = (len(draws.commands), scene.material_changes,", f"{SHADOW}::test_the_map_is_drawn_anew_only_after_a_change"),
)

SURFACES = (
    _python("matrices are sent as rows", "view_block.py", 'plan.view_projection().T', 'plan.view_projection()'),
    _python("the shape of the picture is ignored", "views.py", "camera.projection(aspect), nearest_anchor",
            "camera.projection(1.0), nearest_anchor"),
    _python("front faces are dropped", "gpu/pipeline.py", "api.glFrontFace(gl.GL_CW if pipeline.clockwise else gl.GL_CCW)",
            "api.glFrontFace(gl.GL_CCW if pipeline.clockwise else gl.GL_CW)", f"{DRAWING}::test_one_side_or_both"),
    _python("double-sided surfaces have one side", "gpu/pipeline.py",
            "not geometry_class & CLASS_DOUBLE_SIDED and class_topology(geometry_class) == 0", "class_topology(geometry_class) == 0",
            f"{DRAWING}::test_one_side_or_both"),
    _python("mirrored surfaces keep their winding", "gpu/pipeline.py", "clockwise=bool(geometry_class & CLASS_MIRRORED)", "clockwise=False",
            f"{DRAWING}::test_a_mirrored_node_is_the_mirrored_thing"),
    _python("mirrored glass keeps its winding", "passes/base.py", "pipeline.cull, gl.GL_CW if pipeline.clockwise else gl.GL_CCW",
            "pipeline.cull, gl.GL_CCW"),
    _python("the last surface wins", "gpu/pipeline.py", "gl.GL_GEQUAL if pipeline.depth_equal else gl.GL_GREATER",
            "gl.GL_GEQUAL if pipeline.depth_equal else gl.GL_ALWAYS"),
    _python("glass hides what is behind it", "gpu/pipeline.py", 'depth_write=not blends and render_pass != "selection"',
            'depth_write=render_pass != "selection"'),
    _shader("glass is not premultiplied", "pass/shade.frag.glsl", "out_color = vec4(clamp(color, 0.0, 1.0) * alpha, alpha);",
            "out_color = vec4(clamp(color, 0.0, 1.0), alpha);",
            f"{DRAWING}::test_blended_surfaces_are_sorted_whatever_the_order_of_making"),
    _shader("the alpha cutoff is inverted", "pass/shade.frag.glsl", "if (s.color.a < s.alpha_cutoff) discard;",
            "if (s.color.a >= s.alpha_cutoff) discard;", f"{DRAWING}::test_every_edit_of_a_material_reaches_the_next_frame"),
    _shader("anchors are ignored", "geometry/mesh.vert.glsl", "dot(row2, place)) + anchor_offset();",
            "dot(row2, place)) + view.first_anchor.xyz;", f"{DRAWING}::test_things_kilometres_apart_are_all_in_place"),
    _shader("a material is the next one of its table", "geometry/mesh.vert.glsl", "uvec2(in_info.y, in_state.x)",
            "uvec2(in_info.y + 1u, in_state.x)", f"{DRAWING}::test_textures_of_one_page_and_of_many"),
    _python("new geometries lie on each other", "gpu/geometry_pool.py",
            "base, first = base + geometry.vertex_count, first + geometry.index_count", "first = first + geometry.index_count"),
    _python("the sets of coordinates change places", "gpu/geometry_pool.py",
            '(UV0, "uv0", "in_uv0", "2f4", 2), (UV1, "uv1", "in_uv1", "2f4", 2)',
            '(UV0, "uv0", "in_uv1", "2f4", 2), (UV1, "uv1", "in_uv0", "2f4", 2)'),
)

PARTS = (
    _shader("a ghost is opaque", "pass/ghost.frag.glsl", "* alpha, alpha);", "* alpha, 1.0);",
            f"{STATES}::test_a_ghost_is_a_film_and_is_not_picked"),
    _shader("ghosts are drawn solid too", "geometry/mesh.vert.glsl", "#else\n    return ghost;", "#else\n    return false;",
            f"{STATES}::test_a_ghost_casts_no_shadow"),
    _shader("the outline is a pixel thinner", "pass/outline.frag.glsl", "const int WIDTH = 3;", "const int WIDTH = 2;"),
    _shader("the outline covers what it surrounds", "pass/outline.frag.glsl", " || texelFetch(mask, here, 0).r > 0.5) discard;",
            ") discard;"),
    _python("the selection is that of solid parts", "passes/selection.py", 'draw(frame, view, "all", "selection")',
            'draw(frame, view, "opaque", "selection")'),
    _python("colormaps are reversed", "gpu/colormap_textures.py", "texels[:, :3] = colormap.table", "texels[:, :3] = colormap.table[::-1]",
            f"{STATES}::test_values_show_the_colours_of_the_colormap_exactly"),
    _shader("values are one colour too low", "interface/surface.glsl", "int(share * 255.0 + 0.5)", "int(share * 255.0 - 0.5)",
            f"{STATES}::test_values_show_the_colours_of_the_colormap_exactly"),
    _shader("highlighting is ignored", "interface/surface.glsl",
            "return (v_state.x & uint(STATE_HIGHLIGHTED)) != 0u ? mix(color, vec3(1.0, 0.75, 0.25), 0.45) : color;", "return color;",
            f"{STATES}::test_highlighting_shows"),
    _python("a slice of parts begins one late", "parts.py", "if isinstance(ids, slice):\n            return self.ids[ids]",
            "if isinstance(ids, slice):\n            return self.ids[ids][1:]",
            "tests/scene/test_parts.py::test_set_and_remove_take_masks_and_slices_as_numpy_does"),
    _python("only some of a part's flags are followed", "gpu/scene_mirror.py", "np.bitwise_or.reduce(self._page_flags)",
            "self._page_flags[0]", f"{STATES}::test_ghosting_adds_one_call_for_each_geometry_class", "tests/faults/test_lost_edits.py"),
)

OUTPUT = (
    _shader("ids are one too high", "pass/ids.frag.glsl", "out_id = v_id;", "out_id = v_id + 1u;",
            f"{OUTPUTS}::test_ids_and_pick_name_the_node"),
    _shader("holes are picked", "pass/ids.frag.glsl", "if (s.color.a < s.alpha_cutoff) discard;", "",
            f"{OUTPUTS}::test_blended_surfaces_have_ids_and_masks_are_respected"),
    _python("ids are upside down", "renderer.py", '"r32ui", frame.size)[::-1])', '"r32ui", frame.size))',
            "tests/scene/test_queries.py::test_promise_4_rays_through_pixels_meet_what_the_picture_of_ids_shows"),
    _python("picking after an edit gives what is there now", "renderer.py", "if scene.store.epoch != self._planned[1]:",
            "if scene.store.epoch < self._planned[1]:", f"{OUTPUTS}::test_ids_on_demand_are_refused_after_an_edit"),
    _python("depth is measured from the near plane", "views.py", "metres = (projection[2, 3] - value) / projection[2, 2]",
            "metres = (1.0 - value) / projection[2, 2]", f"{OUTPUTS}::test_depth_is_metres_along_the_view_axis"),
)

UPLOADS = (
    _python("only the first upload of rows happens", "gpu/scene_mirror.py", "if self._seen[kind] == store.epoch:", "if self._seen[kind]:",
            "tests/faults/test_lost_edits.py"),
    _python("only the first edited material goes up", "gpu/scene_mirror.py", "epochs[:len(materials)] > self._materials_seen)[0]",
            "epochs[:len(materials)] > self._materials_seen)[0][:1]", f"{DRAWING}::test_one_scene_on_two_devices_in_turn"),
    _python("runs of rows land one row early", "gpu/scene_mirror.py", "buffer.write(rows[start:end], first * size)",
            "buffer.write(rows[start:end], max(first - 1, 0) * size)", f"{CONTRACT}::test_moving_one_node_uploads_its_page",
            "tests/faults/test_lost_edits.py"),
    _shader("scattered rows land one row late", "compute/scatter.comp.glsl", "target_rows[run.destination + row]",
            "target_rows[run.destination + row + 1u]", f"{STATES}::test_scattered_states_go_up_by_page_and_in_one_dispatch"),
    _python("commands are not written again", "gpu/view_constants.py",
            "any(a is not b.draws for a, b in zip(lists, self._placed, strict=True))", "False", "tests/faults/test_lost_edits.py"),
    _python("constants of the first frame stay", "gpu/view_constants.py", "if self._written.get(name) != content:",
            "if name not in self._written:", f"{DRAWING}::test_things_kilometres_apart_are_all_in_place"),
    _python("everything is uploaded in every frame", "gpu/scene_mirror.py", "runs = store.dirty_runs(kind, self._seen[kind])",
            "runs = store.dirty_runs(kind, 0)", f"{CONTRACT}::test_moving_one_node_uploads_its_page"),
)

CORE = (
    _native("the last of many instances is dropped", "drawlist.c", "(mr_command){r[0], run, r[1], (int32_t)r[2], slot}",
            "(mr_command){r[0], run > 8 ? run - 1 : run, r[1], (int32_t)r[2], slot}", "tests/core/test_draws.py"),
    _native("blended surfaces run front to back", "drawlist.c", "(uint64_t)~ordered_bits((float)depth)",
            "(uint64_t)ordered_bits((float)depth)", f"{DRAWING}::test_blended_surfaces_are_sorted_whatever_the_order_of_making"),
    _native("equally deep surfaces in the order of slots", "drawlist.c", "(s->slot_id[slot] & MR_INDEX_MASK)", "slot",
            "tests/core/test_draws.py::test_sorted_lists_run_back_to_front_with_ties_by_id"),
    _native("planes look the other way", "cull.c", "(uint8_t)((v->normal[k][p] < 0) << k)", "(uint8_t)((v->normal[k][p] > 0) << k)",
            "tests/core/test_cull.py::test_promise_2_a_million_adversarial_boxes_lose_none_that_is_visible"),
    _native("planes move to anchors in single precision", "cull.c", "o[k] = s->anchors[a].origin[k] - v->eye[k];",
            "o[k] = (float)(s->anchors[a].origin[k] - v->eye[k]);",
            "tests/core/test_cull.py::test_promise_2_small_things_at_anchors_far_from_the_eye_lose_none_that_is_visible"),
    _native("boxes far from their anchor are not widened", "bounds.c", "g->fit[7] = (float)U16;", "g->fit[7] = 0;",
            "tests/core/test_cull.py::test_promise_2_a_million_adversarial_boxes_lose_none_that_is_visible"),
    _native("boxes of geometries are not widened", "bounds.c", "g->fit[4 + k] = up(h * (1 + U16) + U16 * fabs(c));",
            "g->fit[4 + k] = (float)h;", "tests/core/test_draws.py::test_promise_2_boxes_are_wider_than_geometries_by_what_is_rounded"),
    _native("bounds of a scene are those of its centres", "bounds.c", "if (c + h > upper[k]) upper[k] = c + h;",
            "if (c > upper[k]) upper[k] = c;", "tests/scene/test_scene.py", "tests/core/test_transforms.py"),
    _native("hidden things are drawn", "bounds.c", "if (s->flags[s->slot_node[block * 64 + i]] & MR_SHOWN) live |=", "live |=",
            f"{DRAWING}::test_hidden_and_layerless_nodes_are_not_drawn"),
    _native("layers are ignored", "cull.inl", "else if (!(v->layers & s->block_layers[b])) word = 0;", "",
            f"{DRAWING}::test_hidden_and_layerless_nodes_are_not_drawn"),
    _native("layers within a block are ignored", "cull.c", "if (s->slot_layers[block * 64 + i] & v->layers) kept |=", "kept |=",
            "tests/core/test_cull.py"),
    _native("levels stray twice as far as allowed", "lod.c", "double budget = d->lod_pixels / d->metric, allowed = 0;",
            "double budget = 2 * d->lod_pixels / d->metric, allowed = 0;", "tests/core/test_lod.py"),
    _native("the same view of a larger picture is not culled anew", "lod.c",
            "int same = width == d->width && height == d->height && metric == d->metric &&", "int same = metric == d->metric &&",
            "tests/core/test_lod.py",
            "tests/gpu/test_device_occlusion.py::test_a_wider_picture_of_the_same_frustum_is_tested_in_its_own_pixels"),
    _native("children elsewhere are not told that they moved", "update.c", "        s->flags[child] |= flag;\n", "",
            "tests/core/test_live.py"),
    _native("pages of moved rows keep their epoch", "update.c", "mr_touch_draws(s, i, 1u << MR_TRANSFORM);", "mr_touch_draws(s, i, 0);",
            f"{DRAWING}::test_one_scene_on_two_devices_in_turn"),
    _native("pages of states keep their epoch", "update.c", "mr_touch_draws(s, i, 1u << MR_STATE);", "mr_touch_draws(s, i, 0);",
            "tests/faults/test_lost_edits.py"),
    _native("outlines do not open the cells that they cross", "raster.c", "if (p.n == 2) open_cells(v, &p);", "",
            "tests/core/test_occlusion.py"),
    _native("matrices are multiplied in the other order", "transform.c",
            "(a[0] * linear[j] + a[1] * linear[3 + j]) + a[2] * linear[6 + j];",
            "(a[0] * linear[3 * j] + a[1] * linear[3 * j + 1]) + a[2] * linear[3 * j + 2];", "tests/core/test_transforms.py"),
)

OCCLUSION = (
    _shader("the depth pyramid keeps the nearest", "compute/pyramid.comp.glsl",
            "depth = min(depth, farthest(ivec2(x, y)));",
            "depth = x + y == first.x + first.y ? farthest(first) : max(depth, farthest(ivec2(x, y)));",
            "tests/gpu/test_device_occlusion.py::test_the_pyramid_holds_the_farthest_depth_of_its_pixels"),
    _shader("a stretch of draws ends one early", "compute/commands.comp.glsl",
            "end_of_stretch(slot, min(end, (slot / LONGEST + 1u) * LONGEST)) - slot : 0u;",
            "max(end_of_stretch(slot, min(end, (slot / LONGEST + 1u) * LONGEST)) - slot, 2u) - 1u : 0u;",
            "tests/gpu/test_device_occlusion.py::test_runs_fall_apart_into_stretches_in_their_order"),
)

BLOCKS = "tests/gpu/test_block_textures.py"
DECODERS = (
    Fault("the device makes smaller levels of blocks anew", "src/metarender/gpu/texture_pool.py",
          'if page.key.levels > 1 and page.key.format == "rgba8":', "if page.key.levels > 1 and not self.keeps_blocks:",
          (f"{BLOCKS}::test_levels_come_from_the_file_and_not_from_the_device",)),
    Fault("blocks of colours are not decoded", "src/metarender/gpu/texture_pool.py",
          "gl.GL_COMPRESSED_SRGB_ALPHA_BPTC_UNORM if key.srgb else gl.GL_COMPRESSED_RGBA_BPTC_UNORM", "gl.GL_COMPRESSED_RGBA_BPTC_UNORM",
          (f"{BLOCKS}::test_blocks_draw_as_the_pixels_that_they_stand_for",)),
    Fault("blocks at the edge are not counted whole", "src/metarender/gpu/resources.py", "step = 4 if format in BLOCKS else 1", "step = 1",
          (f"{BLOCKS}::test_pages_grow_and_are_counted",)),
    Fault("the third subset has no anchor", "src/metarender/_native/bc7.c",
          "return anchors[1][partition] == texel || anchors[2][partition] == texel;", "return anchors[1][partition] == texel;",
          (f"{BLOCKS}::test_every_mode_is_decoded_as_the_driver_does",)),
    Fault("weights between the ends are cut and not rounded", "src/metarender/_native/bc7.c", "(128 * index + steps) / (2 * steps)",
          "64 * index / steps", (f"{BLOCKS}::test_every_mode_is_decoded_as_the_driver_does", "tests/core/test_bc7.py")),
    Fault("Draco is believed about its triangles", "src/metarender/io/gltf_draco.py",
          "wrong = faces * 3 != indices and", "wrong = False and",
          ("tests/io/test_decoders.py::test_promise_6_draco_that_lies_is_refused_where_it_does",)),
    Fault("filters of meshopt are forgotten", "src/metarender/io/gltf_meshopt.py", 'if (kind := packed.get("filter", "NONE")) != "NONE":',
          'if (kind := packed.get("filter", "NONE")) == "":', ("tests/io/test_decoders.py::test_meshopt_filters",)),
    Fault("a capture writes levels the other way round", "src/metarender/captures/surfaces.py",
          "for b in texture.blocks]", "for b in texture.blocks[::-1]]", (f"{BLOCKS}::test_a_capture_keeps_blocks",)),
)

MOVING = "tests/scene/test_animation.py"
CLIPS = tuple(Fault(name, f"src/metarender/{file}", old, new, (MOVING, *tests)) for name, file, old, new, *tests in (
    ("turns go the longer way", "_native/curves.inl", "const double sign = x < 0 ? -1 : 1;", "const double sign = 1;"),
    ("tangents are not scaled by the time between keys", "_native/curves.inl", "b = (uuu - 2 * uu + u) * at.span",
     "b = (uuu - 2 * uu + u)"),
    ("the rest keeps no share", "_native/clips.c", "if (share < 1) {", "if (share < 0) {"),
    ("an additive turn is laid on from the other side", "_native/clips.c",
     "r[0] = q[3] * part[0] + q[0] * part[3] + q[1] * part[2] - q[2] * part[1];",
     "r[0] = q[3] * part[0] + q[0] * part[3] - q[1] * part[2] + q[2] * part[1];"),
    ("a removed node passes its clip on to who gets its index", "_native/clips.c",
     "if (s->id_serial[c->index] != c->serial) return;", ""),
    ("what is stopped is held at rest for ever", "_native/clips.c", "if (!c->users) c->idle = m->rebound = 1;", "m->rebound = 1;"),
    ("tracks of one length share their moment", "_native/clips.c", "t->times != t[-1].times || t->keys", "t->keys"),
    ("a target of two tracks takes the short way", "_native/layers.c", "|| m->channels[channel[i]].users != 1) return 0;",
     ") return 0;", "tests/core/test_clips.py"),
    ("a long track that is mixed is written alone", "_native/clips.c",
     "a->additive || strength(m->layers + sole->layer, a, seconds) != 1 ? 0 :", "a->additive ? 0 :", "tests/core/test_clips.py"),
    ("a long track marks what stands still", "_native/locals.c",
     "const unsigned moved = (change[3 * i] | change[3 * i + 1] | change[3 * i + 2]) != 0,", "const unsigned moved = 1,",
     "tests/core/test_clips.py"),
    ("backwards a round begins with the other end", "_native/clips.c", "if (in < 0 || (in == 0 && signbit(a->rate)))", "if (in < 0)"),
    ("actions are found under the rows that they had", "animation/mixing.py", "action._number = row", "action._number = 0"),
    ("a faded action jumps when it is faded again", "animation/mixing.py",
     "(now, here), (now + length, aim)", "(now, 1 - aim), (now + length, aim)"),
    ("a fade takes the place of those before", "animation/mixing.py", "[*kept, (now, here)", "[(now, here)"),
    ("a pause starts the clip over", "animation/mixing.py", "self.time = float(np.clip(self.time, -LONGEST, LONGEST))", "self.time = 0.0"),
    ("an eased move arrives in mid-flight", "animation/procedures.py", '"out": (2.0, 0.0)}', '"out": (2.0, 1.0)}',
     "tests/scene/test_procedures.py"),
    ("keys of animations in bytes are not normalised", "io/gltf_accessors.py", "array /= np.float32(_SCALES[component])", "array /= 1",
     "tests/io/test_gltf_animation.py"),
))

POSED, POSES = "tests/gpu/test_posed_pictures.py", "tests/core/test_poses.py"
SHOWN = "tests/gpu/test_posed_instances.py"
POSING = (
    _shader("the second four influences are those of the first", "geometry/deform.glsl", "follow(palette + 3u * in_joints1[i],",
            "follow(palette + 3u * in_joints0[i],", f"{POSED}::test_the_vertex_path_places_vertices_within_1e_5_of_the_float64_model"),
    _shader("morphs leave normals alone", "geometry/deform.glsl", "        normal += weight * displacement(row);\n", "",
            f"{POSED}::test_every_pass_draws_the_pose_as_if_its_vertices_had_been_placed_by_hand"),
    _shader("a mirrored node turns the normals of its pose", "geometry/mesh.vert.glsl",
            "side = dot(row0.xyz, cofactor0) < 0.0 ? -1.0 : 1.0;", "",
            f"{POSED}::test_every_pass_draws_the_pose_as_if_its_vertices_had_been_placed_by_hand"),
    _python("depth and ids are drawn at rest", "gpu/programs.py", "    layout |= key.geometry_class & DEFORMED",
            "    layout |= key.geometry_class & DEFORMED * (key.render_pass == 'shade')",
            f"{POSED}::test_every_pass_draws_the_pose_as_if_its_vertices_had_been_placed_by_hand"),
    _python("all morphed geometries read the displacements of the first", "gpu/geometry_pool.py", "return (displacement + step *",
            "return (step *", f"{POSED}::test_two_morphed_geometries_keep_their_displacements"),
    _python("a device looks at poses once", "gpu/scene_mirror.py", "runs = store.dirty_runs(DEFORM, self._deform_seen)",
            "runs = store.dirty_runs(DEFORM, self._deform_seen) if not self._deform_seen else []",
            f"{POSED}::test_two_devices_see_the_same_poses_after_any_edits"),
    _native("an occluder hides by its rest pose", "occlusion.c", "if (mr_posed(s, s->slot_node[slot], g)) return 0;", "",
            f"{POSED}::test_occlusion_leaves_the_picture_as_it_is_and_a_rest_pose_hides_nothing"),
    _native("joints of another anchor stand at that of the first", "pose.c", "double shift[3] = {to[0] - from[0],",
            "double shift[3] = {0 * (to[0] - from[0]),", f"{POSES}::test_joints_of_several_anchors_are_where_they_belong"),
    _native("a joint at the end of a run moves alone", "pose.c", "s->use_slot[low] < (uint64_t)first + count; low++)",
            "s->use_slot[low] + 1 < (uint64_t)first + count; low++)", f"{POSES}::test_only_palettes_whose_joints_moved_are_computed"),
    _native("instances keep the boxes of the weights before", "pose.c",
            "    if (p->weights && !p->palette) refresh_parts(s, p, p->dirty > 1);\n", "",
            f"{SHOWN}::test_any_edits_leave_what_a_new_scene_would_have"),
    _native("an instance that leaves its node goes to rest", "store.c", "    int bad = mr_keep_pose(s, index);\n", "    int bad = MR_OK;\n",
            f"{SHOWN}::test_parts_look_the_same_when_they_no_longer_show_what_is_above"),
    _native("an instance that a clip drives drives all", "pose.c",
            "    int bad = mr_keep_pose(s, index);\n    if (bad) return bad;\n    i =", "    i =",
            f"{SHOWN}::test_a_part_with_weights_of_its_own_keeps_them"),
    _python("twice as much as shaders read is uploaded", "gpu/buffers.py", "    if size > most:", "    if size > 2 * most:",
            "tests/gpu/test_storage_limits.py::test_more_than_a_storage_block_is_refused_and_the_renderer_goes_on"),
    _python("instances of a file are not animated", "io/gltf_animations.py", "drawn = described.mesh or described.instances",
            "drawn = described.mesh",
            "tests/io/test_instanced_poses.py::test_instances_of_a_node_with_morph_weights_are_animated_like_nodes"),
)

LOADED, MADE, LOSSES = "tests/io/test_save_gltf.py", "tests/io/test_save_made.py", "tests/io/test_save_losses.py"
SAVING = tuple(Fault(name, f"src/metarender/io/{file}", old, new, (test,)) for name, file, old, new, test in (
    ("a variant keeps the number that its material had", "gltf_references.py", '"mappings": [{"material": "materials", ', '"mappings": [{',
     f"{LOADED}::test_everything_that_is_not_shown_is_kept"),
    ("an unknown extension is trusted with its numbers", "gltf_copying.py", "kept = alone and self._is_unchanged()", "kept = alone",
     f"{LOADED}::test_everything_that_is_not_shown_is_kept"),
    ("sparse accessors are saved without what is sparse", "gltf_copying.py", 'if "sparse" in entry:', 'if "sparse" in entry["type"]:',
     f"{LOADED}::test_attributes_come_back_to_the_bit"),
    ("columns of a property table start anywhere", "gltf_document.py", "_ALIGNMENT = 8", "_ALIGNMENT = 4",
     f"{LOADED}::test_everything_that_is_not_shown_is_kept"),
    ("an edit of a material is overlooked", "gltf_surfaces.py", "changed = origin.changed(material) | moved", "changed = moved",
     f"{MADE}::test_only_what_was_edited_changes"),
    ("parts are saved where they stand far from their node", "gltf_tree.py", "self._attributes(position - middle,",
     "self._attributes(position,",
     f"{MADE}::test_far_parts_keep_their_places"),
    ("parts are saved with the weights of another", "gltf_rows.py", "color, self.pose[rows], np.where(", "color, np.where(",
     "tests/io/test_instanced_poses.py::test_parts_made_in_code_keep_their_weights_in_a_save"),
    ("hidden parts are shown again", "gltf_rows.py", "keys = [self.visible[rows], color,", "keys = [color,",
     f"{MADE}::test_parts_come_back_as_instances_with_their_names"),
    ("the second turn of a shear is lost", "gltf_transforms.py", "_two_turns(self._rows.linear[row])[2], _PLAIN)",
     "_two_turns(np.eye(3, dtype=np.float32))[2], _PLAIN)", f"{MADE}::test_a_matrix_that_shears_becomes_two_nodes"),
    ("a copied clip moves the figure that it was copied from", "gltf_clips.py", "np.isin(driven, kept.ids).any()", "len(kept.ids)",
     f"{MADE}::test_a_clip_of_a_copied_scene_goes_with_its_nodes"),
    ("curves lose their first key", "gltf_clips.py", "np.flatnonzero(np.diff(times, prepend=np.float32(-1)) > 0)",
     "np.flatnonzero(np.diff(times, prepend=np.float32(9)) > 0)",
     f"{MADE}::test_clips_made_in_code_come_back"),
    ("bright emission is cut", "gltf_surfaces.py", '{"emissiveStrength": strength * brightest}', '{"emissiveStrength": strength}',
     f"{MADE}::test_brightness_beyond_one_goes_into_the_strength"),
    ("a node that is animated keeps its matrix", "gltf_transforms.py", "== TAKEN_APART) & rows.driven[chosen])", "== TAKEN_APART) & False)",
     f"{LOSSES}::test_a_node_with_a_matrix_is_taken_apart_where_a_clip_moves_it"),
    ("parts lose the weights of their morphs", "gltf_rows.py", "color, self.pose[rows], np.where", "color, np.where",
     f"{LOSSES}::test_parts_keep_the_weights_of_their_morphs"),
    ("a material reads coordinates that are not there", "gltf_shapes.py", "wanted if wanted > has else 0,",
     "wanted if wanted < has else 0,", "tests/io/test_save_losses.py::test_a_textured_material_without_coordinates_loads_again"),
    ("light brighter than 1 is cut", "gltf_surfaces.py", "min(light.intensity * brightest, LARGEST_INTENSITY), 1.0)",
     "min(light.intensity, LARGEST_INTENSITY), 1.0)", f"{LOSSES}::test_what_a_scene_holds_is_kept_or_told"),
    ("a scene keeps a background that it has no more", "gltf_settings.py", "if name not in names} if isinstance(before, dict)",
     "if name} if isinstance(before, dict)", f"{LOSSES}::test_settings_come_and_go_beside_what_a_file_says_itself"),
))

FORMATS = tuple(Fault(name, f"src/metarender/{file}", old, new, tuple(tests)) for name, file, old, new, *tests in (
    ("an ear may hold a corner", "_native/polygon.c", "if (turn(a, b, p) >= 0.0 && turn(b, c, p) >= 0.0 && turn(c, a, p) >= 0.0) return 0;",
     "", "tests/core/test_polygons.py"),
    ("counts of lists are read the other way round", "_native/plyrows.c", "p[big ? bytes - 1 - k : k]", "p[big ? k : bytes - 1 - k]",
     "tests/core/test_polygons.py"),
    ("numbers from the end count to the end of the file", "io/obj.py",
     "values[behind] += np.searchsorted(places, np.repeat(lines, counts)[behind]) + 1", "values[behind] += len(places) + 1",
     "tests/io/test_obj.py"),
    ("far positions are not moved near", "io/faces.py", "return (positions - offset).astype(np.float32)",
     "return positions.astype(np.float32)",
     "tests/io/test_obj.py", "tests/io/test_ply.py"),
    ("a file with +Z up falls on its back", "io/placing.py", "matrix[:3, :3] = _TURNS[up].T * scale", "matrix[:3, :3] = _TURNS[up] * scale",
     "tests/io/test_stl.py"),
    ("mirrored parts are saved inside out", "drawn.py", "triangles[:, ::-1] if is_mirrored(matrix) else triangles",
     "triangles", "tests/io/test_ply.py", "tests/io/test_roundtrips.py"),
    ("a transform of 3MF is read as a column matrix", "io/threemf.py", ".reshape(4, 3).T", ".reshape(3, 4)", "tests/io/test_3mf.py"),
    ("a DOCTYPE is let through", "io/threemf.py", "parser.StartDoctypeDeclHandler = self._refuse", "pass", "tests/io/test_3mf.py"),
    ("figures are saved without their place", "drawn.py", "place[:3, 3] = draw_space(store, number, index)[1]",
     "place[:3, 3] = matrix[:3, 3]", f"{LOSSES}::test_normals_turn_with_what_is_posed"),
    ("plain files forget the colours of parts", "drawn.py", "if number in colors:", "if number < 0:",
     f"{LOSSES}::test_colours_of_parts_are_kept_by_formats_with_colours"),
    ("a file gets its name before it is whole", "io/output.py", "if error is None:", "if True:", "tests/io/test_save.py"),
    ("an edge of two faces that disagree passes", "_native/solid.c", "if (run != 2 || forward != 1) {", "if (run != 2) {",
     "tests/scene/test_solid.py"),
    ("rows that are made to collide are compared for ever", "_native/solid.c", "if (!patience--) {", "if (0 && !patience--) {",
     "tests/core/test_closed.py"),
    ("a triangle that lies on another one is missed", "_native/solid.c", "if (corner > high) run[kept++] = corner;",
     "if (corner < high) run[kept++] = corner;", "tests/scene/test_solid.py"),
    ("half a turntable is none", "io/usd_poses.py", "np.clip(np.ceil(largest / _STEP),", "np.clip(np.ceil(largest / 360),",
     "tests/io/test_usd_poses.py"),
    ("a figure is not where it was bound", "io/usd_poses.py", "@ _matrices([query.GetGeomBindTransform(self._time)])[0]", "",
     "tests/io/test_usd_poses.py"),
    ("the smaller of two grey pictures is left out", "io/pictures.py", "pixels[rows[:, None], columns, channel.number]",
     "pixels[0, 0, channel.number]", "tests/io/test_obj.py"),
    ("long text of USD is read at once", "io/usd_checks.py", 'b"#usda" and self._size <= _SHORT:', 'b"#usda":',
     "tests/io/test_usd.py::test_promise_6_a_binary_stage_that_ends_its_reader_is_refused"),
    ("colours of PLY have the type of the widest", "io/ply.py", "float(np.iinfo(column.dtype).max)", "1.0", "tests/io/test_ply.py"),
    ("the size of points is set once", "gpu/device.py", "if pixels != self._point_size:", "if self._point_size == 1.0:",
     "tests/gpu/test_point_size.py"),
))

NUMBERS, PICTURES, HUMANS = "tests/scene/test_fields.py", "tests/gpu/test_field_pictures.py", "tests/humans/test_humans.py"
FIELDS = tuple(Fault(name, file, old, new, (test,)) for name, file, old, new, test in (
    ("the range of a ramp is a tenth longer", "shaders/material/heat.glsl", "(f.value - numbers.x) * numbers.y",
     "(f.value - numbers.x) * 0.9 * numbers.y", f"{PICTURES}::test_promise_5_surface_and_legend_read_back_to_the_numbers"),
    ("every field lies at the beginning of its arena", "src/metarender/gpu/geometry_pool.py",
     "self._allocations[geometry].base_vertex * 4)", "0)",
     f"{PICTURES}::test_materials_share_a_program_and_a_draw_and_keep_their_own_ramps"),
    ("a field that moves stays as it was on the device", "src/metarender/gpu/geometry_pool.py", "!= geometry.field.version",
     "is None",
     f"{PICTURES}::test_a_frame_uploads_the_numbers_that_are_shown_and_only_when_they_change"),
    ("a field that moves makes all lists anew", "src/metarender/gpu/scene_mirror.py",
     "if not np.array_equal(ranges, self.ranges):", "if True:",
     f"{PICTURES}::test_a_frame_uploads_the_numbers_that_are_shown_and_only_when_they_change"),
    ("legends are upside down", "src/metarender/legend.py", "np.linspace(self._colormap.high, self._colormap.low, tall)",
     "np.linspace(self._colormap.low, self._colormap.high, tall)", f"{NUMBERS}::test_the_bar_of_a_legend_runs_through_the_whole_range"),
    ("a field nobody draws is still followed", "src/metarender/descriptions.py", "field._unwatch(self._field_moved)", "pass",
     f"{NUMBERS}::test_moving_a_field_touches_the_scenes_that_draw_it_and_no_others"),
    ("fields end before their last moment", "src/metarender/field.py", 'side="right") - 1, 0, len(self._times) - 1))',
     'side="right") - 1, 0, max(len(self._times) - 2, 0)))', f"{NUMBERS}::test_a_field_shows_a_moment_as_interpolation_by_hand_has_it"),
    ("quaternions that begin with w are read as others", "src/metarender/_native/parts.c", "turn(q[1], q[2], q[3], q[0], made)",
     "turn(q[0], q[1], q[2], q[3], made)", "tests/scene/test_parts.py::test_poses_of_a_simulation_are_what_setting_each_part_makes"),
    ("channels turn in the other order", "src/metarender/io/bvh.py",
     "multiply(rotations[:, joint], about(axes[axis], np.radians(rows[:, column])))",
     "multiply(about(axes[axis], np.radians(rows[:, column])), rotations[:, joint])", "tests/io/test_bvh.py::test_a_file_is_what_it_says"),
    ("arms that hang at rest hang for ever", "src/metarender/humans/retarget.py",
     "between(ours[ends[joint]] - ours[joint], theirs[rows[ends[joint]]]",
     "between(theirs[rows[ends[joint]]] - theirs[rows[joint]], theirs[rows[ends[joint]]]",
     f"{HUMANS}::test_a_rest_pose_with_hanging_arms_and_turned_joints_is_taken_away"),
    ("steps are as long as the actor's", "src/metarender/humans/retarget.py", "return float(own / captured) if captured > 0 else 1.0",
     "return 1.0", f"{HUMANS}::test_a_figure_of_another_size_that_faces_another_way_makes_the_same_gestures"),
    ("feet float where legs are straddled at rest", "src/metarender/humans/retarget.py", "below, 1].min() - low, 0.0)",
     "below, 1].min() * 0, 0.0)",
     f"{HUMANS}::test_legs_that_are_straddled_at_rest_walk_as_far_and_on_the_same_ground"),
    ("a foot that steps drags its shin along unbent", "src/metarender/humans/retarget.py", "multiply(lower, world[shin])",
     "multiply(upper, world[shin])",
     f"{HUMANS}::test_captured_feet_stand_on_the_floor_and_slide_no_more_than_the_actors"),
    ("lids stop half way", "src/metarender/demos/face.py", '"eyeBlink": (-51, 19)', '"eyeBlink": (-31, 9)',
     "tests/humans/test_face.py::test_lids_shut_before_the_eyes"),
    ("the left half of a smile moves the right", "src/metarender/demos/face.py", "_hill(p, side * (CORNER + 0.002), MOUTH",
     "_hill(p, abs(side) * (CORNER + 0.002), MOUTH", "tests/humans/test_face.py::test_left_is_right_in_a_mirror"),
    ("elbows do not care where they should look", "src/metarender/humans/limbs.py", "(poles[0] if poles else b) - a, b - a)",
     "b - a, b - a)", f"{HUMANS}::test_two_bones_reach_as_far_as_they_can"),
))

FAULTS: tuple[Fault, ...] = (
    *COLOR, *TEXTURES, *LIGHT, *SURFACES, *PARTS, *OUTPUT, *UPLOADS, *CORE, *OCCLUSION, *DECODERS, *CLIPS, *POSING,
    *SAVING, *FORMATS, *FIELDS)
