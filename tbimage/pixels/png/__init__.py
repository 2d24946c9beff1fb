"""Encode levels as PNG files."""
