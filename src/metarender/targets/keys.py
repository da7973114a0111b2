"""Names of keys as in W3C UI Events, from GLFW key codes (which are fixed numbers, so GLFW is not imported)."""

from __future__ import annotations

_SPECIAL: dict[int, str] = {
    32: " ", 256: "Escape", 257: "Enter", 258: "Tab", 259: "Backspace", 260: "Insert", 261: "Delete", 262: "ArrowRight", 263: "ArrowLeft",
    264: "ArrowDown", 265: "ArrowUp", 266: "PageUp", 267: "PageDown", 268: "Home", 269: "End", 280: "CapsLock", 281: "ScrollLock",
    282: "NumLock", 283: "PrintScreen", 284: "Pause", 335: "Enter", 340: "Shift", 341: "Control", 342: "Alt", 343: "Meta", 344: "Shift",
    345: "Control", 346: "AltGraph", 347: "Meta", 348: "ContextMenu",
}  # fmt: skip


def key_name(key: int, printable: str | bytes | None, shift: bool) -> str:
    """W3C name of a key.

    Parameters
    ----------
    key : int
        GLFW key code.
    printable : str or None
        What the keyboard layout prints without modifiers, if anything.
    shift : bool
        Whether Shift is held; upper-cases letters.
    """
    if key in _SPECIAL:
        return _SPECIAL[key]
    if 290 <= key <= 314:
        return f"F{key - 289}"
    text = printable.decode("utf-8", "replace") if isinstance(printable, bytes) else printable
    if not text:
        return chr(key).lower() if 32 < key < 127 else "Unidentified"
    return text.upper() if shift and len(text.upper()) == 1 else text
