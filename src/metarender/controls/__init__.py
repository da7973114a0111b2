"""Turns input events into camera and node changes; knows no window."""
