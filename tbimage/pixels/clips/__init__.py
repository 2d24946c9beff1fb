"""Animations as APNG and GIF, and JPEG."""
