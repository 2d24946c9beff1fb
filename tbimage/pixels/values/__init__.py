"""Values to levels: range, tone, colours and size."""
