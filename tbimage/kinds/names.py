"""Other names of ``tbimage.checks``, for modules that do not import it themselves yet."""

from __future__ import annotations

from tbimage.checks import description as check_description
from tbimage.checks import name as check_name
from tbimage.checks import text as check_text
from tbimage.checks import wall_time as check_wall_time

__all__ = ["check_description", "check_name", "check_text", "check_wall_time"]
