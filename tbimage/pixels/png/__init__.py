"""Levels to the bytes of a PNG file."""
