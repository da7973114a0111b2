"""GLSL sources, read as package data; this file exists so that editable installs find the folder (pypa/setuptools#4943)."""
