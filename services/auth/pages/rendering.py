"""Renders the pages, each with the headers that keep it from being framed, scripted, cached or leaked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.auth.pages import words

_HERE = Path(__file__).parent
ASSETS_PATH = "/connect/assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",  # for browsers that know no frame-ancestors
    "X-Content-Type-Options": "nosniff",
    # `no-referrer` would blank the Origin of our own forms, which is how a forged one is told apart.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    address: str
    """It names its content, so that it may be kept for ever."""


@dataclass
class Rendering:
    public_url: str
    assets: dict[str, Asset] = field(default_factory=dict)
    """By the last part of their address."""

    def __post_init__(self) -> None:
        for file in sorted((_HERE / "assets").iterdir()):
            content = file.read_bytes()
            name = f"{hashlib.sha256(content).hexdigest()[:12]}-{file.name}"
            self.assets[name] = Asset(content, _TYPES[file.suffix], f"{ASSETS_PATH}/{name}")

    @property
    def secure(self) -> bool:
        return urlsplit(self.public_url).scheme == "https"

    @property
    def origin(self) -> str:
        """As browsers write it: without the scheme's own port."""
        parts = urlsplit(self.public_url)
        port = None if parts.port == {"http": 80, "https": 443}.get(parts.scheme) else parts.port
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")

    def page(
        self, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
    ) -> Response:
        return HTMLResponse(self.part(template, **context), status, headers={**self.headers, **(headers or {})})

    def part(self, template: str, **context: Any) -> str:
        return self._environment.get_template(template).render(**context)

    @property
    def headers(self) -> dict[str, str]:
        strict = {"Strict-Transport-Security": "max-age=31536000"} if self.secure else {}
        return {**HEADERS, **strict}

    @cached_property
    def _environment(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"moment": _moment, "number": "{:,}".format, "as_json": _as_json}
        environment.globals |= {
            "asset": {address.partition("-")[2]: asset.address for address, asset in self.assets.items()},
            "words": words,
        }
        return environment


def _moment(at: datetime) -> Markup:
    """In UTC for everybody; with JavaScript in the reader's own time."""
    shown = f"{at:%d} {at:%B} {at:%Y}, {at:%H}:{at:%M} UTC".lstrip("0")
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), shown)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
