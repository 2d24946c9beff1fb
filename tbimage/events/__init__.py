"""The format of event files: records, messages, file names, and storage.

These modules do not draw or encode pictures. The package exports no names, so that importing one
module loads only the modules that it needs.
"""
