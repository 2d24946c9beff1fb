"""The source of CRC32C: the right function, with its package and without."""

from __future__ import annotations

import subprocess
import sys
from unittest import mock

import crc32c

from tbimage.events import checksum

_FRESH = """
import sys
from tbimage.events.checksum import crc32c
assert crc32c(b"6789", crc32c(b"12345")) == 0xE3069283  # RFC 3720 has the polynomial
print("crc32c" in sys.modules)
import crc32c as package
assert package.crc32c(b"123456789") == crc32c(b"123456789")
"""


def test_the_package_is_not_imported_but_may_be() -> None:
    done = subprocess.run([sys.executable, "-c", _FRESH], check=True, capture_output=True)
    old = not hasattr(crc32c, "__path__")  # a single module, up to release 2.4
    assert done.stdout.strip() == (b"True" if old else b"False")


def test_a_package_laid_out_otherwise_is_imported() -> None:
    with (
        mock.patch.object(checksum, "_of_extension", side_effect=ImportError),
        mock.patch.dict(sys.modules),
    ):
        del sys.modules["crc32c"]
        assert checksum._find()(b"123456789") == 0xE3069283
        assert "crc32c" in sys.modules
