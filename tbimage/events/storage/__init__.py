"""The storage of event files: a local disk, or an object store.

``objects.py`` and the modules for single stores are only imported when a URL is used.
"""

from tbimage.events.storage.local import AppendFile as AppendFile
from tbimage.events.storage.local import DiskStorage as DiskStorage
from tbimage.events.storage.local import LocalStorage as LocalStorage
from tbimage.events.storage.local import Storage as Storage
from tbimage.events.storage.local import is_shortage as is_shortage
from tbimage.events.storage.local import open_high as open_high
