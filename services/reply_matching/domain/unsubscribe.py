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
    r"abmelden|abbestell|austragen|(?:aus|von) (?:ihr\w{1,2}|eur\w{1,2}|dem|der) .{0,20}(?:verteiler|liste|"
    r"datenbank)|"
    r"keine? (?:weiteren? )?(?:e-?mails?|mails?|nachrichten|werbung|"
    r"anfragen|kontaktaufnahme)|nicht (?:mehr|weiter) (?:kontaktieren|anschreiben|schreiben|zusenden)|"
    r"désabonn|desabonn|désinscri|(?:me|nous) (?:retir|supprim|enlev|ôt)er|"
    r"(?:retir|supprim|enlev)\w{1,3}[- ](?:moi|nous|mon adresse|notre adresse|cette adresse)|ne (?:plus|"
    r"pas) (?:me )?(?:contacter|écrire|envoyer|recevoir|solliciter)|"
    r"ne (?:souhait|veu|désir|voul)\w{1,4} (?:plus|pas) .{0,15}(?:recevoir|être contact|être sollicit)|"
    r"mich .{0,40}(?:streichen|löschen|entfernen|austragen)|"
    r"\b(?:me|nos) (?:elimin|borr|quit|remuev|saqu|remov|retir|exclu)\w{1,3}\b|"
    r"\b(?:mi|ci) (?:cancelli|elimini|rimuova|tolga)|(?:usunąć|wypisać|wykreślić) mnie|mnie (?:usunąć|wypisać|"
    r"wykreślić)|"
    r"(?:dar|denme|dame|darme|deme) de baja|darse de baja|no (?:me )?(?:env[ií]e[ns]?|contacte[ns]?|escriba[ns]?|"
    r"mand\w{1,4})|(?:elim[ií]n|b[oó]rr|qu[ií]t|s[aá](?:c|qu)|remu[eé]v)\w{1,4}(?:me|nos)\b|no (?:quiero|deseo|"
    r"queremos|deseamos) recibir|"
    r"descadastr|cancelar (?:a )?(?:minha )?(?:inscrição|assinatura)|(?:remov|retir|exclu|tir)\w{1,3}(?:-me|-nos|"
    r" (?:o )?(?:meu|nosso) (?:e-?mail|endereço|nome|contato|contacto))|não (?:quero|"
    r"desejo) (?:mais )?receber|não (?:me )?(?:envie|contate|contacte|escreva)|"
    r"disiscri|(?:cancell|elimin|rimuov|togli)\w{0,4}(?:mi|ci)\b|(?:cancell|elimin|rimuov|togli)\w{1,4} (?:il mio|"
    r"la mia|quest[oa]|il nostro|la nostra) (?:e-?mail|mail|indirizzo|nominativo|contatto)|"
    r"non (?:mi )?(?:contattat|scriv|inviat|"
    r"mandat)|non (?:desidero|voglio) (?:più )?ricevere|"
    r"uitschrijv|schrijf (?:mij|me|ons) uit|haal (?:mij|me|ons|mijn) .{0,20}(?:lijst|bestand)|afmelden|"
    r"verwijder (?:mij|me|mijn|ons)|geen (?:e-?mails?|mails?|berichten) meer|niet meer (?:mailen|"
    r"contacteren|benaderen|schrijven)|"
    r"wypis(?:ać|z|anie|uję)|rezygnuj|usu(?:ń|nąć|nięcie).{0,20}(?:bazy|listy|adres)|proszę (?:o )?nie (?:kontakt|"
    r"wysyłać|pisać|przysyłać)|nie (?:życzę|chcę) .{0,20}(?:otrzymywać|wiadomości)|"
    r"avregistrera|avprenumerera|avsluta prenumeration|ta bort (?:mig|oss|min)|stryk mig|inte (?:längre )?(?:ha|"
    r"få|kontakta|maila|mejla)|"
    r"afmeld|frameld|(?:fjern|slet) (?:mig|os|min)|ikke (?:længere )?(?:modtage|kontakte|skrive til|sende)|"
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


_OTHERS = re.compile(
    r"\b(?:customers?|users?|subscribers?|recipients?|contacts|people|they|kunden|nutzer|empfänger|abonnenten|"
    r"clients|utilisateurs|abonnés|destinataires|clientes|usuarios|usuários|suscriptores|assinantes|clienti|"
    r"utenti|iscritti|"
    r"klanten|gebruikers|ontvangers|klienci|klientów|użytkowni\w{2,4}|kunder\w{0,3}|användar\w{1,4}|bruger\w{1,4})\b|"
    r"顧客|お客様|ユーザー"
)
_SELF = re.compile(
    r"\b(?:me|us|mich|uns|moi|nous|nos|mi|ci|mij|ons|mnie|nas|mig|oss|os)\b|-me\b|"
    r"i (?:want|wish|would)|私"
)
_SENTENCE = re.compile(r"[.!?。？！]\s?")


def asks_to_unsubscribe(new_text: str) -> bool:
    """True when the reply's own words ask for it; a question about how others may do so is none."""
    words = plain(new_text[:3000])
    if words in _WHOLE:
        return True
    return any(
        _ASKS.search(sentence) and not (_OTHERS.search(sentence) and not _SELF.search(sentence))
        for sentence in _SENTENCE.split(words)
    )
