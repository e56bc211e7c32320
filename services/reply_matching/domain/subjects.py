"""What a subject is about, without the words that clients put before it; for matching and to see whether it changed."""

from __future__ import annotations

import re
import unicodedata

# Reply and forward marks as clients write them, by language; one mark per line of thought, not per client.
_REPLY = (
    "re ref fw fwd wg aw antw antwort betr sv vs vb ang rif r i rv enc res tr pd odp dot ynt ilt atb bls vá továbbítás "
    "ad ats fwd: reply 回复 答复 转发 回覆 轉寄 返信 转寄 답장 re. fyi doorst doorgestuurd videresendt oversendt"
)
# What automatic answers and bounces put there, by language.
_AUTOMATIC = (
    "automatic reply|auto reply|auto-reply|autoreply|auto response|auto-response|autoresponse|auto|out of office|"
    "out of the office|out of office reply|out of office autoreply|ooo|"
    "automatische antwort|abwesenheitsnotiz|abwesend|abwesenheit|automatische rückantwort|"
    "réponse automatique|reponse automatique|absence du bureau|absent du bureau|absence|"
    "respuesta automática|respuesta automatica|fuera de la oficina|fuera de oficina|"
    "resposta automática|resposta automatica|fora do escritório|ausência temporária|"
    "risposta automatica|fuori sede|fuori ufficio|"
    "automatisch antwoord|automatische reactie|automatische beantwoording|afwezig|afwezigheidsbericht|niet aanwezig|"
    "odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź|nieobecność w biurze|poza biurem|"
    "autosvar|automatiskt svar|frånvaro|frånvarande|automatisk svar|fravær|ikke til stede|"
    "自動応答|自動返信|不在通知|不在|自动答复|自动回复|自動回覆|자동 회신|"
    "automaattinen vastaus|automatická odpověď|automatikus válasz|автоответ|otomatik yanıt|"
    "undeliverable|undelivered|undeliverable mail|undelivered mail|undelivered mail returned to sender|"
    "returned mail|mail delivery failed|delivery failed|delivery failure|failure notice|non recapitable|"
    "unzustellbar|nicht zustellbar|non remis|non distribuable|no se puede entregar|no entregado|"
    "não é possível entregar|impossibile recapitare|non recapitabile|onbestelbaar|niet leverbaar|nie można dostarczyć|"
    "niedostarczalne|går inte att leverera|kan ikke leveres|ulevererbar|配信不能|未达|無法傳遞"
)
_MARKS = sorted({*_REPLY.split(), *_AUTOMATIC.split("|")}, key=len, reverse=True)
_MARK = re.compile(
    r"(?:" + "|".join(re.escape(mark) for mark in _MARKS) + r")\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\*\d{1,3})?\s?[:：]\s*"
)
_TAG = re.compile(r"(?:\[[^\[\]]{1,40}\]|\*{2,5}[^*]{1,30}\*{2,5}|\{[^{}]{1,30}\})\s*")
COLON = re.compile("[:\u2a74\ufe13\ufe55\uff1a]")
"""Without one of these - NFKC makes a colon of each - no mark stands before a subject."""
MAX_SUBJECT = 998


def split_subject(subject: str) -> tuple[str, bool]:
    """(the subject as it is compared, whether a reply or automatic mark stood before it)."""
    text = subject[:MAX_SUBJECT].casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = " ".join(text.split())
    position, marked = 0, False
    while position < len(text):
        if text.startswith("re: ", position):
            position, marked = position + 4, True
            continue
        mark = _MARK.match(text, position) if text.find(":", position) > 0 else None
        if mark:
            position, marked = mark.end(), True
            continue
        tag = _TAG.match(text, position) if text[position] in "[*{" else None
        if not tag or tag.end() == len(text):
            break
        position = tag.end()
    return text[position:], marked


def normal_subject(subject: str) -> str:
    """The subject as it is compared: no marks (Re:, AW:, Automatic reply: …), no list tags, case folded."""
    return split_subject(subject)[0]
