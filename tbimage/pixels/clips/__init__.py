"""Encode animations as APNG or GIF, and pictures as JPEG."""
