"""The app's configuration and the inventory: loaded and checked once, before any connection."""

from orchestrator.config.app import AppConfig
from orchestrator.config.loader import FILE_NAME, load

__all__ = ["FILE_NAME", "AppConfig", "load"]
