"""The phrases by which servers say that there is no such person; the longest list, for it decides what is hard."""

from __future__ import annotations

WHO = (
    r"(?:user|recipient|mailbox|account|address(?:ee)?|e-?mail|customer|subscriber|person|member|alias|login|id|name|"
    r"rcpt)"
)
"""Whom or what a server may speak of."""

UNKNOWN_USER: tuple[str, ...] = (
    WHO + r"s?['\"<>]{0,2} (?:is |was )?unknown", r"unknown (?:or illegal |or invalid )?(?:local |e-?mail |"
    r"mail ?|destination |rcpt ?)?"
    r"(?:user|recipient|mailbox|account|address|alias|local.part|login|person|virtual)",
    r"no such (?:a |an |local |virtual |e-?mail |"
    r"mail )?(?:user|recipient|mailbox|account|address|person|alias|name|id|addressee|member|local|directory)",
    r"(?:user|recipient|mailbox|account|address(?:ee)?|e-?mail|person|alias|box|name|inbox|group|"
    r"customer).{0,70}(?:does ?(?:not|n'?t)|"
    r"do not|not|didn't|doesnt|no longer|cannot|couldn't|could not|can't|wasn't|was not|isn't) (?:appear to |"
    r"seem to |to |yet |be )?"
    r"(?:exist|found|known|recogni[sz]ed|listed|valid|be found|local|available|match|registered|resolve|in|"
    r"a valid|our)",
    r"(?:does|do)(?: not|n't) (?:exist|have an? .{0,60}(?:account|mailbox))", r"not (?:a |an |our )?(?:valid|"
    r"known|registered|existing|"
    r"legal|listed|recogni[sz]ed|local|current|active) ?(?:local |gateway |e-?mail |mail |registered )?(?:user|"
    r"mailbox|recipient|address|"
    r"account|customer|member|person)", r"(?:invalid|bad|illegal|nonexistent|non-existent|unrouteable|unroutable|"
    r"undeliverable|incorrect|"
    r"improper|ambiguous) (?:final |destination |rcpt |delivery |e-?mail |mail |local |user |"
    r"virtual ){0,3}(?:recipient|mailbox|address|user|"
    r"account|alias|name|destination|forward)", r"(?:recipient|address|user|mailbox|rcpt|name)s? (?:is |are |"
    r"was )?(?:invalid|incorrect|"
    r"not found|not exist|nonexistent|unrecogni[sz]ed|undeliverable|misspelled|nowhere)",
    r"no (?:valid )?(?:mailbox|user|account|"
    r"recipient|address|person)s? (?:here|by|with|at|for|found|named|matching|called|of|were)",
    r"not listed in (?:domino|public|the)",
    r"not our (?:customer|user|client|member)", r"unrouteable address", r"unroutable address",
    r"no valid recipients?",
    r"bad destination mailbox", r"recip(?:ient)?notfound", r"resolver\.adr",
    r"not in (?:our|the|my|this) (?:directory|list|database|"
    r"address ?book|system)", r"there is no (?:one|such|user|account|mailbox|person|recipient)",
    r"can'?t find .{0,20}(?:user|recipient|"
    r"mailbox|address)", r"requested action not taken: mailbox unavailable", r"mailbox (?:is )?(?:unavailable|"
    r"not available)\b(?!.{0,40} "
    r"temporar)", r"(?:recipient|rcpt|user) (?:address )?(?:rejected|refused|denied).{0,40}(?:unknown|"
    r"undeliverable|exist|not found|"
    r"invalid|gmail|user|no such)", r"address (?:verification|unknown)", r"(?:isn't|is not) (?:a|in|on|known|here|"
    r"one|valid|found|local|"
    r"recogni[sz]ed|associated)\b.{0,40}(?:user|account|mailbox|recipient|here|system|server|domain|member)",
    r"nosuchuser",
    r"no mailbox", r"no user\b", r"user ?unknown", r"recipient ?unknown", r"unknown ?user",
    r"has left (?:the )?(?:company|"
    r"organi[sz]ation)", r"(?:no longer|not) (?:works?|employed|with|at) (?:here|for|at|by|us|the|this)",
    r"deleted (?:user|account|"
    r"mailbox)", r"(?:user|account|mailbox|address).{0,30} (?:has been |was |is )?(?:deleted|removed)",
    r"rcpt (?:to )?.{0,80} (?:does "
    r"not exist|not found)", r"not a (?:registered|known|valid|local)", r"possibly incorrect", r"misspel",
    r"existiert nicht",
    r"nicht (?:gefunden|bekannt|vorhanden)", r"unbekannt", r"n'existe pas", r"introuvable", r"inconnue?",
    r"n'a (?:pas )?(?:été|pu) "
    r"(?:être )?trouv", r"no existe", r"desconocid", r"no se (?:ha )?encontr",
    r"não (?:existe|foi (?:possível )?encontr)",
    r"desconhecid", r"inesistente", r"non (?:esiste|trovat|è stat. trovat)", r"sconosciut", r"bestaat niet",
    r"onbekend", r"niet "
    r"gevonden", r"nie (?:istnieje|(?:został\w{0,2} )?znalezion)", r"nieznan", r"finns inte", r"okänd",
    r"hitta(?:de)?s inte", r"findes ikke", r"ukendt", r"blev ikke fundet",
    r"finnes ikke", r"存在しません", r"見つかりません", r"ありません", r"不存在", r"не (?:существует|найден)",
    r"неизвестн",
    r"^(?:\d{3} )?#?(?:5\.1\.[01] )?address rejected\.?$", r"address not present", r"bad[- ]recipient",
    r"(?:mailbox|recipient) not (?:present|ok)\b", r"no mail ?box\b", r"account (?:is )?unavailable",
    r"missing home directory", r"(?:able|trouble) (?:to )?find(?:ing)? (?:this|that|the) (?:user|recipient|address|"
    r"mailbox)",
    r"nessun utente", r"impossibile trovare", r"não pôde ser encontrad", r"(?:kan|kon) niet (?:worden )?gevonden",
    r"nie można znaleźć", r"gick inte att hitta", r"kunne ikke findes", r"nicht auffindbar",
    r"n'(?:a|ont) pas été trouvé",
)  # fmt: skip
