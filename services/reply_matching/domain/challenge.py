"""Challenge-response filters: "prove that you are a person, then we deliver your mail"."""

from __future__ import annotations

import re

from services.reply_matching.domain.headers import Headers
from services.reply_matching.domain.judged import Evidence
from services.reply_matching.domain.reasons import plain

_FIELDS = (
    b"x-tmda-confirm-req",
    b"x-boxbe-challenge",
    b"x-challenge",
    b"x-spamarrest-noauth",
    b"x-mailblocks",
    b"x-bitbounce",
    b"x-bluebottle-request",
)
_WORDS = re.compile(
    r"(?:confirm|verify|prove|verif\w{1,8}|make sure|ensure).{0,40}(?:you(?:'re| are) (?:a |an )?(?:human|real|"
    r"person|"
    r"not a (?:robot|spam|machine))|human|real person|"
    r"your e-?mail address|your identity|(?:that )?your message|(?:as )?a (?:legitimate|valid) sender)|"
    r"challenge.{0,3}response|sender verification|"
    r"(?:message|e-?mail|mail).{0,60}(?:held|hold|quarantin\w{1,4}|waiting|pending|awaiting|on hold|"
    r"not been delivered|delivered).{0,80}(?:until|confirm|verif|authenticat|"
    r"captcha|click|approve|unless you)|captcha|verify yourself|verified senders|spam ?arrest|boxbe|bitbounce|"
    r"\badd(?:ed)?\b.{0,50}(?:allowed|approved|white|guest|safe|trusted|senders?)[- ]?(?:senders? )?list|"
    r"not (?:yet )?on .{0,30}(?:allow|allowed|white|approved|guest|safe)[- ]?list|"
    r"pas un robot|kein roboter|no (?:es|soy) un robot|não (?:é|sou) um robô|non (?:sei|sono|è) un robot|geen robot|"
    r"nie jest\w{0,4} robotem|inte är en robot|ikke (?:er )?en robot|ロボットでは|"
    r"list of (?:approved|allowed|known|trusted|safe) senders|"
    r"(?:damit ihre|pour que votre|para que (?:su|tu)|para que a? ?sua|affinché il (?:suo|tuo)|om uw|aby (?:twoja|"
    r"pańska)|"
    r"för att ditt|for at din) (?:nachricht|e-?mail|mail|message|courriel|mensaje|correo|mensagem|messaggio|bericht|"
    r"wiadomość|meddelande|besked).{0,60}(?:zugestellt|remis|délivr|distribu|entreg|recib|consegn|recapit|bezorg|"
    r"aflever|"
    r"dostarcz|lever|leveret)|(?:vous|s') ?authentifier|"
    r"(?:bestätigen|verifizieren).{0,60}(?:mensch|absender|e-?mail-adresse|nachricht|kein (?:spam|roboter))|"
    r"(?:confirm|vérifi).{0,60}(?:humain|une personne|expéditeur|votre (?:message|adresse))|"
    r"(?:conf[ie]rm|verific).{0,60}(?:humano|(?:una |uma )persona|pessoa|remitente|remetente|su (?:mensaje|"
    r"dirección)|sua mensagem|"
    r"mittente|il (?:suo|tuo) messaggio|essere umano)|bevestig.{0,60}(?:mens|afzender|robot)|"
    r"potwierd.{0,60}(?:człowiek|nadawc|robot)|bekräfta.{0,60}(?:människa|avsändare|robot)|bekræft.{0,60}(?:menneske|"
    r"afsender|robot)"
)
_DEED = re.compile(
    r"https?://|click|\blink\b|\blien\b|\benlace\b|odnośnik|łącze|\blänk|リンク|"
    r"send (?:an |us )?(?:empty |blank )?(?:message|mail|e-?mail) to|(?:your|hit|press|the) ['\"]?reply|"
    r"fill (?:out|in)|"
    r"reply to this|antworten sie|klicken|"
    r"cliqu|répond|haga clic|responda|clique|clicca|rispond|klik|"
    r"kliknij|odpowied|klicka|svara|klik på"
)


def challenge_signs(headers: Headers, subject: str, text: str) -> tuple[Evidence, ...]:
    """What shows that this is a challenge; empty when nothing does. Both a demand and a deed are needed, or a field."""
    for name in _FIELDS:
        if name in headers:
            return (Evidence("challenge_field", name.decode("ascii")),)
    words = plain(f"{subject} {text[:3000]}")
    demand = _WORDS.search(words)
    if demand and _DEED.search(words):
        sign = "challenge_subject" if _WORDS.search(plain(subject)) else "challenge_words"
        return (Evidence(sign, demand.group()[:80]),)
    return ()
