"""The web room: one story, several browsers, nothing to install."""

from adapters.web.adapter import WebAdapter

__all__ = ["WebAdapter"]
