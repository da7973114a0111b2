"""Every test card looks as it did, to the byte, and its frame costs what it did."""

import pytest
from cards import CARDS, SIZE


@pytest.mark.parametrize("name", CARDS)
def test_card(name, render, golden, budget):
    card = CARDS[name]()
    frame = render(card.scene, card.camera, size=SIZE, **card.settings)
    budget(frame, bytes_uploaded=0, bytes_view=0, programs_compiled=0)
    golden(frame.color, f"card_{name}")
