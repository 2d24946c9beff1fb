"""What an event file is: records, messages, file names, and how the bytes are stored.

This room knows nothing of images and starts no threads. The package exports no names, so that
importing one module loads only what that module needs.
"""
