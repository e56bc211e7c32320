"""When somebody who is away says that they are back: a date in their words, by the languages we read."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta

_NAMES = {
    1: "january jan januar jänner janvier janv enero ene janeiro gennaio gen januari stycznia styczeń sty",
    2: "february feb februar février fevrier févr fev febrero fevereiro febbraio febbr februari lutego luty lut",
    3: "march mar märz maerz mars marzo março marco maart marca marzec marts mrt",
    4: "april apr avril avr abril abr aprile kwietnia kwiecień kwi",
    5: "may mai mayo maio maggio mag mei maja maj",
    6: "june jun juni juin junio junho giugno giu czerwca czerwiec cze",
    7: "july jul juli juillet juil julio julho luglio lug lipca lipiec lip",
    8: "august aug août aout agosto ago augustus sierpnia sierpień sie augusti",
    9: "september sep sept septembre septiembre setembro set settembre września wrzesień wrz",
    10: "october oct oktober okt octobre octubre outubro out ottobre ott października październik paź",
    11: "november nov novembre noviembre novembro listopada listopad lis",
    12: "december dec dezember dez décembre decembre déc diciembre dic dezembro dicembre grudnia grudzień gru",
}
_MONTHS = {name: number for number, names in _NAMES.items() for name in names.split()}
_MONTH = "(" + "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True)) + r")(?![^\W\d_])"
_YEAR = r"(?:\W{0,3}(?:de |del |of )?(\d{4})(?!\d))?"
_DATES = (
    ("ymd", re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")),
    ("cjk", re.compile(r"(?:(\d{4})年\s?)?(\d{1,2})月\s?(\d{1,2})日")),
    (
        "dmy",
        re.compile(
            r"(?<![\d.])(\d{1,2})(?:st|nd|rd|th|er|º|ª|°|\.|:e)?[\s-]{0,2}(?:de |di |of |den )?" + _MONTH + _YEAR
        ),
    ),
    (
        "mdy",
        re.compile(r"(?<![^\W\d_])" + _MONTH + r"\.?\s{1,2}(?:the )?(\d{1,2})(?:st|nd|rd|th)?(?![\d:.]\d)" + _YEAR),
    ),
    (
        "num",
        re.compile(
            r"(?:(?<![\d./-])|(?<=[./]\d-)|(?<=[./]\d\d-)|(?<=\d\.-))(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2})|"
            r"\.?)(?![\w/-]|\.\d)"
        ),
    ),
)
_RETURN = re.compile(
    r"(?:read|answered|reachable|available|open) from|erreichbar ab|(?:joignable|disponible) (?:à|a) partir|"
    r"disponible desde|disponível a partir|raggiungibile da|dostępn\w{1,2} od|tillgänglig från|tilgængelig fra|"
    r"back|return|resum|again|wieder|zurück|rückkehr|retour|reviens|reprend|vuelv|volver|regres|reincorpor|incorpor|"
    r"volto|volta|retorn|"
    r"ritorn|rientr|torner|terug|aanwezig vanaf|bereikbaar vanaf|wrac|wróc|powrot|tillbaka|åter|tilbage|igen|戻|出社|"
    r"復帰|再開|より"
)
_UNTIL = re.compile(
    r"until|till|through|thru|\bto\b|up to|bis\b|\bau\b|jusqu|hasta|\bal\b|até|\ba\b|fino|\btot\b|t/m|\bdo\b|t\.o\.m|"
    r"\btil\b|med den|–|—|-\s?$|～|〜|から"
)
_CERTAINLY_UNTIL = re.compile(
    r"until|\btill\b|\bbis\b|jusqu|hasta|\baté\b|fino a|\btot\b|t/m|t\.o\.m|till och med|frem til|\bdo (?:dnia )?$"
)
_FROM = re.compile(
    r"from|since|start|beginning|vom\b|\bab\b|seit|\bdu\b|depuis|à partir|desde|\bdel?\b|dal\b|vanaf|\bvan\b|\bod\b|"
    r"från|\bfra\b"
)
_AFTER_RETURN = re.compile(
    r"(?:wieder|zurück|terug|weer\b|tillbaka|tilbage|igen|again|back|de retour|di nuovo|de nuevo|de vuelta|de volta|"
    r"novamente|ponownie|znowu|z powrotem|に戻|に出社|より(?:出社|業務|営業)|"
    r"(?:から|より)(?:出社|業務|通常|営業))"
)


def return_date(text: str, received: date, *, only_until: bool = False) -> date | None:
    """The date of return that the text gives, in the year that makes sense for when it was received; None when none.
    With `only_until`, where nothing else in the text speaks of absence, a date must follow a word for "until"."""
    words = " ".join(unicodedata.normalize("NFKC", text[:4000].lower()).split())
    day_first = _AMERICAN.search(words) is None
    best: tuple[int, date] | None = None
    for kind, pattern in _DATES:
        for match in list(pattern.finditer(words))[:20]:
            day = _read(kind, match, received, day_first)
            if day is None or not received - timedelta(days=1) <= day <= received + timedelta(days=550):
                continue
            rank = _rank(words, match.start(), match.end())
            if only_until and not _is_until(words, match.start(), match.end()):
                continue
            if rank and (best is None or (rank, day) > best):
                best = (rank, day)
    return best[1] if best else None


_AMERICAN = re.compile(r"\b(?:the|will|and|office|have|please|back|until|return|returning|away|out)\b")


def _is_until(words: str, start: int, end: int) -> bool:
    return _CERTAINLY_UNTIL.search(words[max(0, start - 26) : start]) is not None or "まで" in words[end : end + 6]


def _rank(words: str, start: int, end: int) -> int:
    """3: they are back then; 2: away until then; 1: a date in a text about absence; 0: the absence begins then."""
    before, after = words[max(0, start - 45) : start], words[end : end + 25]
    sentence = max(before.rfind(". "), before.rfind("! "), before.rfind("。"))
    before = before[sentence + 1 :] if sentence >= 0 else before
    if _RETURN.search(before) or _AFTER_RETURN.search(after):
        return 3
    if "まで" in after[:6] or _UNTIL.search(before[-20:]):
        return 2
    return 0 if _FROM.search(before[-18:]) or after[:1] in "-–—~" else 1


def _read(kind: str, match: re.Match[str], received: date, day_first: bool) -> date | None:
    if kind in ("ymd", "cjk"):
        year, month, day = match[1], int(match[2]), int(match[3])
    elif kind == "dmy":
        year, month, day = match[3], _MONTHS[match[2]], int(match[1])
    elif kind == "mdy":
        year, month, day = match[3], _MONTHS[match[1]], int(match[2])
    else:
        first, second = int(match[1]), int(match[3])
        year = match[4]
        if match[2] == "." or first > 12:
            day, month = first, second
        elif second > 12:
            month, day = first, second
        elif day_first or first == second:
            day, month = first, second
        else:
            return None  # 3/4 in English: nobody can know
    try:
        if year:
            number = int(year)
            return date(number + 2000 if number < 100 else number, month, day)
        near = date(received.year, month, day)
        return near if near >= received - timedelta(days=60) else date(received.year + 1, month, day)
    except ValueError:
        return None
