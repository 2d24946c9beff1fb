"""The choice of the store for a URL."""

from __future__ import annotations

from tbimage.events.storage import urls
from tbimage.events.storage.objects import Objects

__all__ = ["objects_of"]


def objects_of(url: str) -> Objects:
    """Return the store of a URL."""
    protocol = urls.protocol_of(url)
    if protocol in ("s3", "s3a"):
        from tbimage.events.storage.s3 import S3Objects

        return S3Objects(url)
    if protocol in ("gs", "gcs"):
        from tbimage.events.storage.gs import GoogleObjects

        return GoogleObjects(url)
    if protocol in ("az", "abfs", "abfss"):
        from tbimage.events.storage.az import AzureObjects

        return AzureObjects(url)
    return Objects(url)
