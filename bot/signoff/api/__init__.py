"""The HTTP door for agents and tools."""

from signoff.api.answers import as_asked as as_asked
from signoff.api.app import build_api as build_api
from signoff.api.app import ready as ready
