"""HTML made safe to show: nothing runs, nothing is loaded, what people wrote stays."""

from __future__ import annotations

import pytest

from services.reply_matching.domain.html import sanitise


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<img src="https://track.example.net/pixel.gif">',
        '<p style="background:url(https://track.example.net/)">x</p>',
        '<link rel="stylesheet" href="https://track.example.net/a.css">',
        '<iframe src="https://track.example.net/"></iframe>',
        '<svg><image href="https://track.example.net/"/></svg>',
        '<table background="https://track.example.net/"><tr><td>x</td></tr></table>',
        '<form action="https://track.example.net/"><input name=a></form>',
        '<base href="https://track.example.net/">',
        '<meta http-equiv="refresh" content="0;url=https://track.example.net/">',
        '<video poster="https://track.example.net/"><source src="https://track.example.net/"></video>',
        '<img srcset="https://track.example.net/ 2x">',
        "<style>@import 'https://track.example.net/a.css';</style>",
    ],
)
def test_nothing_runs_and_nothing_is_loaded(hostile: str) -> None:
    safe = sanitise(hostile).lower()
    for forbidden in ("track.example.net", "script", "onerror", "javascript", "data:", "style"):
        assert forbidden not in safe


def test_words_links_and_images_of_the_mail_itself_stay() -> None:
    safe = sanitise('<p>Hello <b>Ben</b>, see <a href="https://example.org/">this</a> <img src="cid:1" alt="a"></p>')
    assert "<b>Ben</b>" in safe
    assert 'href="https://example.org/"' in safe
    assert 'src="cid:1"' in safe


def test_remote_images_stay_only_with_leave() -> None:
    assert "pic.gif" in sanitise('<img src="https://example.org/pic.gif">', remote_images=True)
