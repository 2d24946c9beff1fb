"""``tf.summary.experimental``: the default step, scopes, and Summaries that the caller has made."""

from __future__ import annotations

from tbimage.compat.tf_summary.raw import write_raw_pb
from tbimage.compat.tf_summary.scopes import summary_scope
from tbimage.compat.tf_summary.state import get_step, set_step

__all__ = ["get_step", "set_step", "summary_scope", "write_raw_pb"]
