"""A gate and a ledger for coding agents."""

from ._native import __version__

__all__ = ["__version__"]
