"""Encode pixels as PNG files."""
