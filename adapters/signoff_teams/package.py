"""The Teams app package: manifest and two icons in a zip, exactly what the code uses and nothing more."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from io import BytesIO
from itertools import pairwise
from math import hypot
from pathlib import Path
from urllib.parse import urlsplit

from signoff.errors import BadConfig
from signoff_teams.commands import COMMANDS
from signoff_teams.places import SCOPES
from signoff_teams.render import Json

SCHEMA = "https://developer.microsoft.com/json-schemas/teams/v1.16/MicrosoftTeams.schema.json"
FILE = "signoff-teams.zip"
ACCENT = (0x2F, 0x6F, 0x4F)


def manifest(url: str, app_id: str) -> Json:
    """The manifest for a Signoff reached at `url` ("App manifest reference", 1.16)."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        fault = f'"{url[:100]}" is not an https URL.' if url else "it is missing."
        raise BadConfig(key="--url", fault=fault, mend="Teams needs the public https address of this server.")
    commands = [{"title": name, "description": text} for name, text in COMMANDS.items()]
    scopes = sorted(SCOPES.values())
    return {
        "$schema": SCHEMA,
        "manifestVersion": "1.16",
        "version": "1.0.0",
        "id": app_id,
        "packageName": "dev.signoff.bot",
        "developer": {"name": "Signoff", "websiteUrl": url, "privacyUrl": url, "termsOfUseUrl": url},
        "name": {"short": "Signoff", "full": "Signoff: human approval for AI agents"},
        "description": {
            "short": "Approve, edit, reject or answer what AI agents want to do.",
            "full": "An AI agent's tool call waits until a person has approved, edited, answered or rejected it.",
        },
        "icons": {"color": "color.png", "outline": "outline.png"},
        "accentColor": "#{:02X}{:02X}{:02X}".format(*ACCENT),
        "bots": [
            {
                "botId": app_id,
                "scopes": scopes,
                "supportsFiles": False,
                "isNotificationOnly": False,
                "commandLists": [{"scopes": scopes, "commands": commands}],
            }
        ],
        "validDomains": [parts.hostname],
    }


def write(url: str, app_id: str, folder: Path) -> Path:
    """Write the package into `folder`; the same input gives the same bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in (
            ("manifest.json", json.dumps(manifest(url, app_id), indent=2).encode()),
            ("color.png", icon(192, background=True)),
            ("outline.png", icon(32, background=False)),
        ):
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    file.write_bytes(buffer.getvalue())
    return file


def icon(side: int, *, background: bool) -> bytes:
    """A check mark as a PNG: white on the accent colour, or white on nothing (Teams wants 192 and 32 pixels)."""
    behind = bytes((*ACCENT, 255)) if background else bytes(4)
    rows = bytearray()
    for y in range(side):
        rows.append(0)  # filter: none
        for x in range(side):
            rows += b"\xff\xff\xff\xff" if _in_check((x + 0.5) / side, (y + 0.5) / side) else behind
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _in_check(x: float, y: float) -> bool:
    """Whether a point of the unit square lies on the check mark: two strokes that meet."""
    corners = ((0.22, 0.52), (0.42, 0.72), (0.78, 0.30))
    return any(_near(x, y, *start, *end) < 0.065 for start, end in pairwise(corners))


def _near(x: float, y: float, x1: float, y1: float, x2: float, y2: float) -> float:
    """Distance of a point from a stroke."""
    along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2)
    along = min(1.0, max(0.0, along))
    return hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1))
