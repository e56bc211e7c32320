"""Does a person ask to hear no more from us? Read from their new words alone, for our own footer says 'unsubscribe'
too."""

from __future__ import annotations

import re

from services.reply_matching.domain.reasons import plain

_ASKS = re.compile(
    r"\bunsubscribe\b|(?:remove|take|delete|drop) (?:me|us|my (?:e-?mail|address|name|details|contact)|"
    r"my).{0,40}(?:off|from|list|mailing|database)|\b(?:please )?remove me\b|"
    r"take me off|\bopt(?:ing)?[- ]?out\b|(?:stop|quit|cease) (?:e-?mailing|contacting|sending|messaging|spamming|"
    r"writing|bothering|mailing)|"
    r"(?:do not|don't|never|please no) (?:e-?mail|contact|send|write|message|bother|mail)(?: to)? (?:me|us|any|more)|"
    r"no (?:more|further) (?:e-?mails?|messages|mails?|contact|"
    r"communications?)|(?:not|don't) (?:want|wish|like) to (?:receive|hear|get|be contacted)|"
    r"abmelden|abbestell|austragen|(?:aus|von) (?:ihr\w{1,2}|eur\w{1,2}|dem|der) .{0,20}(?:verteiler|liste|datenbank)|"
    r"keine? (?:weiteren? )?(?:e-?mails?|mails?|nachrichten|werbung|"
    r"anfragen|kontaktaufnahme)|nicht (?:mehr|weiter) (?:kontaktieren|anschreiben|schreiben|zusenden)|"
    r"désabonn|desabonn|désinscri|désinscrire|me retirer|retirez?[- ]moi|supprimez? (?:moi|mon adresse)|ne (?:plus|"
    r"pas) (?:me )?(?:contacter|écrire|envoyer|recevoir|solliciter)|"
    r"(?:dar|denme|dame|darme|deme) de baja|darse de baja|no (?:me )?(?:env[ií]e[ns]?|contacte[ns]?|escriba[ns]?|"
    r"mand\w{1,4})|elim[ií]n(?:e|en|ar)me|no (?:quiero|deseo) recibir|"
    r"descadastr|cancelar (?:a )?(?:minha )?(?:inscrição|assinatura)|remov(?:a|er|am)(?:-me| meu)|não (?:quero|"
    r"desejo) (?:mais )?receber|não (?:me )?(?:envie|contate|contacte|escreva)|"
    r"disiscri|cancellat(?:e|emi)|cancellami|rimuov(?:ete|imi|etemi|ere)|non (?:mi )?(?:contattat|scriv|inviat|"
    r"mandat)|non (?:desidero|voglio) (?:più )?ricevere|"
    r"uitschrijv|afmelden|verwijder (?:mij|me|mijn)|geen (?:e-?mails?|mails?|berichten) meer|niet meer (?:mailen|"
    r"contacteren|benaderen|schrijven)|"
    r"wypis(?:ać|z|anie|uję)|rezygnuj|usu(?:ń|nąć|nięcie).{0,20}(?:bazy|listy|adres)|proszę (?:o )?nie (?:kontakt|"
    r"wysyłać|pisać|przysyłać)|nie (?:życzę|chcę) .{0,20}(?:otrzymywać|wiadomości)|"
    r"avregistrera|avprenumerera|avsluta prenumeration|ta bort mig|inte (?:längre )?(?:ha|få|kontakta|maila|mejla)|"
    r"afmeld|frameld|fjern mig|slet mig|ikke (?:længere )?(?:modtage|kontakte|skrive til|sende)|"
    r"配信(?:を)?(?:停止|解除|不要)|送らないで|送信(?:を)?(?:停止|しないで)|登録(?:を)?解除|メール(?:は)?不要|"
    r"連絡(?:は)?不要|退订|取消订阅"
)
_WHOLE = frozenset(
    {
        "stop",
        "stopp",
        "stop.",
        "stop!",
        "unsubscribe",
        "remove",
        "remove.",
        "no thanks, remove",
        "baja",
        "alto",
        "停止",
        "解除",
    }
)


def asks_to_unsubscribe(new_text: str) -> bool:
    """True when the reply's own words ask for it."""
    words = plain(new_text[:3000])
    return words in _WHOLE or _ASKS.search(words) is not None
