"""Scenes to show and to measure, made by code: a production line and a campus; and the command that shows one."""
