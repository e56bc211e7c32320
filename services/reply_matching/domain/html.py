"""A reply's HTML made safe to show: no scripts, no styles that reach out, nothing loaded from afar without leave."""

from __future__ import annotations

import re
from html import escape

import nh3

from services.reply_matching.domain.html_lines import html_to_lines

MAX_HTML = 512 * 1024
MAX_DEPTH = 250
"""nh3's time grows with the square of the depth: a hostile 500 KB of nested `<div>` kept it busy for 50 seconds."""
_SHOWN = (
    "a abbr b blockquote br caption center cite code col colgroup dd del div dl dt em font h1 h2 h3 h4 h5 h6 "
    "hr i img ins kbd li ol p pre q s samp small span strike strong sub sup table tbody td tfoot th thead tr "
    "tt u ul"
)
_TAGS = set(_SHOWN.split())
_ATTRIBUTES = {
    "*": {"dir", "lang", "align", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "valign", "width"},
    "th": {"colspan", "rowspan", "valign", "width"},
    "table": {"border", "cellpadding", "cellspacing", "width"},
    "ol": {"start", "type"},
    "font": {"color", "size"},
}


_ELEMENT = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]{0,20})[^<>]*")
_CLOSED_BY_THE_NEXT = "area base br col embed hr img input link meta source wbr p li dt dd tr td th option"
_UNCOUNTED = frozenset(_CLOSED_BY_THE_NEXT.split())
"""Void elements, and those whose end is usually left out and which the next of their kind closes."""


def _too_deep(html: str) -> bool:
    opened: dict[str, int] = {}
    depth = 0
    for end, name in _ELEMENT.findall(html):
        name = name.lower()
        if name in _UNCOUNTED:
            continue
        if not end:
            opened[name] = opened.get(name, 0) + 1
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif opened.get(name):
            opened[name] -= 1
            depth -= 1
    return False


def sanitise(html: str, *, remote_images: bool = False) -> str:
    """The HTML with only what shows text. Images stay when they travel inside the mail (`cid:`); those on a server stay
    only with `remote_images`, for loading one tells its owner that the mail was read."""

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if tag == "img" and attribute == "src" and not remote_images:
            return value if value.strip().lower().startswith("cid:") else None
        return value

    html = html[:MAX_HTML]
    if _too_deep(html):
        return "<br>".join(escape(line.text) for line in html_to_lines(html))
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={
            "script",
            "style",
            "title",
            "head",
            "svg",
            "math",
            "template",
            "noscript",
            "iframe",
            "object",
        },
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto", "tel", "cid"},
    )
