"""The common parts of the adapters for torch and tensorboardX."""
