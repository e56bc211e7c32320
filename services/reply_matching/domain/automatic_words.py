"""A text that says of itself that no person wrote it, in the languages we read. Disclaimers and people speak of
automatic mail too, so only its saying so of itself counts, and that alone is not enough (`automatic.ENOUGH`)."""

from __future__ import annotations

import re

from services.reply_matching.domain.judged import Evidence
from services.reply_matching.domain.reasons import plain

WEIGHT = 2
_KIND = r"(?:e-?mail|mail|message|reply|response|notification|acknowledge?ment|confirmation|answer)"
_SAYS_SO = re.compile(
    rf"this is an? (?:automat(?:ed|ic|ically[- ]generated)|(?:auto|computer|system|machine)[- ]?generated) {_KIND}|"
    rf"this (?:automat\w{{2,4}} )?{_KIND} (?:was|is|has been) (?:sent|created|generated) automatically|"
    rf"this {_KIND} (?:was|is|has been) (?:automatically|auto-?) ?(?:sent|created|generated)|"
    rf"do not (?:reply|respond) to this (?:automat\w{{2,4}} )?{_KIND}(?! address)|"
    r"dies ist eine automatisch(?:e| \w{7,12}) (?:antwort|nachricht|e-?mail|mail)|"
    r"diese (?:antwort|nachricht|e-?mail|mail) wurde automatisch (?:generiert|erstellt|erzeugt|vers\w{4,6})|"
    r"ceci est une? (?:réponse|message|e-?mail|courriel|mail) (?:automatique|\w{4,7} automatiquement)|"
    r"ce(?:t|tte)? (?:réponse|message|e-?mail|courriel|mail) (?:a été|est) \w{4,8} automatiquement|"
    r"est[ea] es una? (?:respuesta|mensaje|correo|e-?mail) (?:automátic[oa]|\w{6,9} automáticamente)|"
    r"est[ea] (?:respuesta|mensaje|correo|e-?mail) (?:ha sido|fue|se ha) \w{6,9} automáticamente|"
    r"est[ea] é uma? (?:resposta|mensagem|e-?mail) (?:automátic[oa]|\w{6,9} automaticamente)|"
    r"est[ea] (?:resposta|mensagem|e-?mail) (?:foi|é) \w{6,9} automaticamente|"
    r"quest[oa] è una? (?:risposta|messaggio|e-?mail|mail) (?:automatic[oa]|\w{6,9} automaticamente)|"
    r"dit is een automatisch(?: \w{8,12})? (?:antwoord|bericht|e-?mail|mail)|"
    r"dit is een automatische (?:e-?mail|mail|reactie)|"
    r"to jest (?:automatyczna )?(?:odpowiedź|wiadomość) (?:automatyczna|\w{6,14} automatycznie)|"
    r"(?:ta )?wiadomość została (?:wygenerowana|wysłana) automatycznie|"
    r"det(?:ta|te) är ett automatiskt(?: \w{6,10})? (?:svar|meddelande|mejl|mail)|"
    r"dette er (?:et|en) automatisk(?: \w{6,10})? (?:svar|besked|mail|e-?mail|bekræftelse)|"
    r"この(?:メール|メッセージ)は.{0,12}自動|(?:本|当)メールは.{0,12}自動"
)


def says_it_is_automatic(text: str) -> tuple[Evidence, ...]:
    """The words that say so, as evidence; empty when there are none."""
    found = _SAYS_SO.search(plain(text[:3000]))
    return (Evidence("says_it_is_automatic", found.group()[:80]),) if found else ()
