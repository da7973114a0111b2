// Where selected parts lie, hidden or not: 1 in the mask that the outline is made from.
// Space: none. The composer makes it the fragment unit of selection programs.
layout(location = 0) out float out_mask;

void main() {
    out_mask = 1.0;
}
