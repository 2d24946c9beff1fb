"""Several frames to one GIF or APNG, and JPEG."""
