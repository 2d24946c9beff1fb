"""The format of event files: records, messages, file names, and storage.

These modules know nothing of images and start no threads. The package exports no names, so that
importing one module loads only what that module needs.
"""
