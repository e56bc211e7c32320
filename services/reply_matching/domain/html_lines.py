"""HTML mail read into lines of text with what its marks say of each: quoted, or part of a signature.

Not a browser: one pass over tokens, no tree, no recursion, no pattern that can backtrack. Clients mark their history
and signatures with classes and ids, which tell more than any text; what they do not mark is found in the text
afterwards.
"""

from __future__ import annotations

import re
from html import unescape

from services.reply_matching.domain.lines import Line

MAX_HTML = 512 * 1024
MAX_LINES = 20_000
_TOKEN = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][a-zA-Z0-9:]{0,20})([^<>]*)>|<[!?][^<>]*>", re.DOTALL)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "br",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SKIPPED = frozenset(["head", "script", "style", "title", "template", "svg", "math", "noscript", "object"])
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "o:p",
    ]
)

_QUOTE = re.compile(
    r"gmail_attr|yahoo_quoted|yahooquotedcontainer|protonmail_quote|tutanota_quote|zmail_extra|"
    r"moz-cite-prefix|moz-forward-container|divrplyfwdmsg|appendonsend|olk_src_body_section|mail-editor-reference-message|"
    r"reply-intro|ms-outlook-mobile-reference-message|quoted_message|quotedmessage|orb-quote|hmail_quote|aolmail|"
    r"type=[\"']?cite"
)
_SIGNATURE = re.compile(
    r"gmail_signature|moz-signature|protonmail_signature|ms-outlook-mobile-signature|applemailsignature|"
    r"(?:id|class)=[\"']?(?:x_)?signature[\"'\s>]|zmail_signature|yahoo-signature|outlook-signature|mobile-signature"
)
_REST_IS_QUOTE = re.compile(r"divrplyfwdmsg|appendonsend|olk_src_body_section|mail-editor-reference-message")


def html_to_lines(html: str) -> list[Line]:
    """The text lines of an HTML body, in order."""
    html = html[:MAX_HTML]
    reader = _Reader()
    position = 0
    for token in _TOKEN.finditer(html):
        if token.start() > position:
            reader.words(html[position : token.start()])
        position = token.end()
        name = token.group(2)
        if name:
            if token.group(1):
                reader.closed(name.lower())
            else:
                reader.opened(name.lower(), token.group(3))
            if reader.full:
                break
    else:
        reader.words(html[position:])
    return reader.finish()


class _Reader:
    """Keeps what is open, as counts and a bounded stack of marked elements."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.pieces: list[str] = []
        self.skipping = ""
        self.marked: list[tuple[str, int, str]] = []  # (element, how many of its name were open then, its mark)
        self.counts: dict[str, int] = {}
        self.rest_is_quote = False
        self.preformatted = 0

    @property
    def full(self) -> bool:
        return len(self.lines) >= MAX_LINES

    def words(self, text: str) -> None:
        if not self.skipping:
            text = unescape(text)
            self.pieces.append(text if self.preformatted else " " + text if text[:1].isspace() else text)
            if self.preformatted and "\n" in text:
                head, *rest = "".join(self.pieces).split("\n")
                for line in (head, *rest[:-1]):
                    self.pieces = [line]
                    self.line_ends()
                self.pieces = [rest[-1]]

    def opened(self, name: str, attributes: str) -> None:
        if self.skipping:
            return
        if name in _SKIPPED:
            self.skipping = name
            return
        if name in _BLOCKS:
            self.line_ends(forced=name in ("br", "p", "hr"))
        if name in _VOID or attributes.endswith("/"):
            return
        self.counts[name] = self.counts.get(name, 0) + 1
        self.preformatted += name == "pre"
        mark = self.mark_of(name, attributes)
        if mark and len(self.marked) < 200:
            self.marked.append((name, self.counts[name], mark))

    def mark_of(self, name: str, attributes: str) -> str:
        if name == "blockquote":
            return "quote"
        if not attributes:
            return ""
        lowered = attributes.lower()
        if "=" in lowered:
            if _REST_IS_QUOTE.search(lowered):
                self.rest_is_quote = True
            if _QUOTE.search(lowered):
                return "quote"
            if _SIGNATURE.search(lowered):
                return "signature"
        return ""

    def closed(self, name: str) -> None:
        if self.skipping:
            if name == self.skipping:
                self.skipping = ""
            return
        if name in _BLOCKS:
            self.line_ends()
        count = self.counts.get(name, 0)
        if not count:
            return
        self.preformatted -= name == "pre"
        self.counts[name] = count - 1
        if self.marked and self.marked[-1][:2] == (name, count):
            self.marked.pop()

    def line_ends(self, forced: bool = False) -> None:
        text = "".join(self.pieces)
        self.pieces = []
        text = text if self.preformatted else " ".join(text.replace("\xa0", " ").split())
        if not text and not (forced and self.lines and self.lines[-1].text):
            return
        if not self.full:
            quoted = sum(mark == "quote" for _, _, mark in self.marked)
            signature = any(mark == "signature" for _, _, mark in self.marked)
            self.lines.append(Line(text, quoted or int(self.rest_is_quote), signature, self.rest_is_quote))

    def finish(self) -> list[Line]:
        self.line_ends()
        return self.lines
