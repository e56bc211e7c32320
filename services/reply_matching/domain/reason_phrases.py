"""The phrases by which servers say why; data for `reasons`. Lower case, and no gap without a bound, so none
backtracks."""

from __future__ import annotations

import re

from services.reply_matching.domain.unknown_user_phrases import UNKNOWN_USER, WHO

_TABLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("mail_loop", (
        r"too many hops", r"hop ?count exceeded", r"mail loop", r"routing loop", r"loops? back to (?:myself|me)",
        r"mail forwarding loop", r"(?:possible|detected).{0,20} loop", r"looping",
    )),
    ("rate_limited", (
        r"(?:sending|outbound|daily|hourly|message|submission|recipient).{0,20} (?<!size )(?:quota|limit|"
        r"rate)s? .{0,20}(?:exceed|reach)",
        r"exceeded .{0,40}(?:sending|rate|messages? per|per (?:hour|day|minute)|connections|recipients)",
        r"rate[- ]?limit", r"throttl", r"too many (?:messages|connections|concurrent|recipients|emails|mails|"
        r"sessions|"
        r"invalid recipients|errors|unknown|bad)", r"receiving mail (?:too quickly|at a rate)", r"too fast",
        r"too frequent",
        r"(?:message|connection) (?:rate|frequency)", r"frequency (?:limit|of)", r"max(?:imum)? (?:number of "
        r")?(?:connections|"
        r"messages per)", r"too much mail", r"unusual rate",
    )),
    ("mailbox_full", (
        r"(?:mail)?box.{0,60}(?<!suc)(?:is |was |are )?full\b", r"full (?:mail)?box", r"over ?-?quota",
        r"over (?:his|her|their|"
        r"its|the|allocated|disk) .{0,20}(?:quota|limit)", r"quota (?:has been |is |was |limit )?(?:exceeded|full|"
        r"violat)",
        r"exceed(?:s|ed|ing)?.{0,50}(?:quota|storage|mailbox|allowed size|disk|inbox)",
        r"(?:quota|storage|mailbox).{0,30} "
        r"exceed", r"(?:disk|mail|storage|user).{0,20} (?:quota|full)", r"insufficient (?:disk|system|mailbox|"
        r"user)? ?"
        r"(?:space|storage|quota)", r"out of (?:storage|disk|space|quota)",
        r"(?:not|no) (?:enough|sufficient) (?:storage|"
        r"space|room|disk)", r"no (?:more )?(?:space|room) left (?:in|for)", r"maildir.{0,30} (?:over|full)",
        r"inbox.{0,20} full",
        r"maximum (?:allowed |mailbox )?(?:storage|quota|mailbox size)", r"account (?:is )?(?:full|over)",
        r"quotaexceeded",
        r"mailbox size limit", r"storage ?(?:space|limit)", r"postfach.{0,40} voll", r"speicherplatz",
        r"bo[iî]te.{0,40} pleine",
        r"buz[oó]n.{0,30} llen", r"casella.{0,40} piena", r"caixa.{0,40} cheia", r"postvak.{0,20} vol\b",
        r"skrzynk.{0,40} "
        r"(?:pełn|przepełn)", r"容量", r"満杯", r"いっぱい", r"переполнен", r"邮箱.{0,10}满",
    )),
    ("too_big", (
        r"(?:message|mail|size|content|length|attachment).{0,50}(?:too (?:big|large)|exceed(?:s|ed)?.{0,40}(?:size|"
        r"limit|length|"
        r"maximum|max))", r"(?:too (?:big|large)).{0,20}(?:message|mail)", r"size (?:limit|exceed)",
        r"(?:exceed|larger than).{0,"
        r"30}(?:message size|size limit|maximum size|max size)", r"maximum (?:message|mail) size", r"message ?size",
        r"zu gro(?:ß|ss)",
        r"trop volumineu", r"demasiado grande", r"muito grande", r"troppo grande", r"te groot", r"zbyt du[żz]",
        r"för stor",
    )),
    ("virus", (
        r"virus", r"malware", r"trojan", r"phishing", r"malicious", r"infected", r"worm\b",
        r"dangerous (?:content|attachment|file)",
        r"harmful",
    )),
    ("content", (r"banned[: ]{1,3}(?:content|name|file|attach|extension|application/|image/|\.\w)",)),
    ("sender_rejected", (r"sender (?:address )?(?:rejected|verif)", r"badmailfrom", r"domain of sender",
    r"sender domain must")),
    ("list_error", (
        r"authenticatedfor(?:group|list)", r"(?:send|sending) to (?:this|the) (?:group|list|distribution)",
    )),
    ("authentication", (
        r"\bspf\b", r"\bdkim\b", r"\bdmarc\b", r"sender policy framework", r"sender ?id\b", r"openspf",
        r"unauthenticated (?:mail|"
        r"e-?mail|sender|message)", r"(?:not|isn't|un)[ -]?authenticated", r"authentication (?:required|failed|"
        r"checks?|results)",
        r"domain'?s? .{0,20}authentication", r"authentic(?:ation|ity)",
    )),
    ("blocked", (
        r"reverse (?:dns|host|lookup|mapping)", r"\bptr\b", r"\brdns\b", r"fcrdns", r"iprev",
        r"cannot (?:find|resolve) your "
        r"(?:host|reverse|ip|domain)", r"(?:your|client) (?:host ?name|dns)",
        r"no (?:host ?name|dns) .{0,20}for (?:your|client|ip)",
        r"black ?-?list", r"block ?-?list", r"deny ?-?list", r"\b(?:dns)?[rd]n?s?bls?\b", r"spamhaus", r"spamcop",
        r"barracuda",
        r"sorbs", r"cloudmark", r"senderscore", r"sender ?base", r"uceprotect", r"backscatter", r"zen\.", r"\bcbl\b",
        r"abuseat",
        r"reputation", r"blocked (?:using|by|due|because|for|from|at|on|see|temporarily|as)",
        r"(?:is|are|was|been|has|temporarily|"
        r"currently) (?:been )?blocked", r"\bbanned", r"(?:your|this|client|source|sending|sender|from|connecting|"
        r"\bip).{0,40}"
        r"(?:ip|server|host|mta|mail server|network|address(?:es)?)\b.{0,60}(?:block|list(?:ed|s)|reject|denied|"
        r"refus|"
        r"banned|not "
        r"(?:allowed|accept|permit)|poor|bad)", r"client host.{0,80}(?:block|reject|refus|denied)",
        r"helo (?:command )?reject", r"invalid helo",
        r"(?:access|connection)s? (?:denied|refused|rejected|not accepted) .{0,30}(?:by|from|for) (?:your|this|ip|"
        r"policy|host)",
        r"bad (?:host|dns|helo|ehlo)", r"dynamic (?:ip|address|pool)", r"(?:consumer|residential|"
        r"dial-?up) .{0,20}(?:ip|address|"
        r"network)", r"open (?:relay|proxy)", r"spam (?:source|sender|ip|host)", r"use (?:the|your) .{0,30}(?:smtp|"
        r"mail) ?(?:server|"
        r"relay|gateway)", r"(?:ip|server|host|domain).{0,20} (?:has|have) (?:a )?(?:low|poor|bad)",
        r"unusual (?:traffic|activity)",
        r"we do not accept mail from", r"refuse.{0,20} (?:connection|mail)s? from", r"mail from .{0,60}(?:refused|"
        r"denied)",
        r"(?:connection|session) (?:dropped|denied)", r"complaints",
    )),
    ("list_error", (
        r"google groups", r"groups\.google", r"(?:group|grupo|gruppo|groep|grup|群組|グループ|"
        r"групп)\w{0,3}.{0,150}(?:permi[st]|berechtig|autoris|"
        r"autorizz|toestemming|uprawnie|權限|権限)",
    )),
    ("unknown_user", (
        r"recipient address(?:es)? rejected ?: access denied", r"mailbox unavailable or access",
        r"address is not handled here", r"recipient address rejected\.?$", r"no longer on server",
    )),
    ("unreachable", (r"host not found,? try again", r"name service error.{0,80}try again",
    r"lookup (?:has )?fail\w{0,3} temporar", r"temporar\w{1,3} .{0,30}lookup fail")),
    ("sender_rejected", (
        r"sender(?:'s)? (?:address|domain|e-?mail|mailbox|verify|verification|rejected|denied|unknown|not |is not|"
        r"is on|from|"
        r"refused|blocked|was|has|id)", r"(?:reject|bad|invalid|unknown|illegal|forged|fake|unrouteable|unroutable|"
        r"unresolvable|"
        r"verify|refus|unverified).{0,15} (?:the )?(?:sender|return path|from|originator|reverse.path)",
        r"(?:mail ?from|return.path|envelope.from|from address|originator|from header).{0,60}(?:reject|not (?:exist|"
        r"valid|found|"
        r"allowed|accept|permit|resolv)|invalid|unknown|denied|mismatch|does(?:n't| not)|must|bad)",
        r"domain of sender", r"bad outbound sender", r"not (?:allowed|permitted|"
        r"authori[sz]ed) to send (?:as|from|"
        r"with)", r"sender was rejected", r"your (?:e-?mail )?address.{0,30} (?:reject|not|denied|block)",
        r"need fully.qualified",
    )),
    ("relaying_denied", (
        r"relay(?:ing)?.{0,30}(?:denied|prohibited|not (?:allowed|permitted|authori[sz]ed)|refused|disabled|rejected|"
        r"access|failed|"
        r"forbidden|blocked)", r"(?:unable|not (?:allowed|permitted|authori[sz]ed)|cannot|can't|won't|refus\w{1,3}|"
        r"do(?:es)? not|don't|"
        r"prohibit\w{1,3}).{0,20} relay", r"not (?:a |an )?(?:relay|gateway|local) ?(?:host|domain|"
        r"server)?\b.{0,20}for", r"isn't in my "
        r"list of allowed rcpthosts", r"rcpthosts", r"no relaying", r"we do not relay", r"not (?:locally )?(?:hosted|"
        r"handled|served) "
        r"here", r"is not (?:one of our|a local|hosted|in our) ?(?:domains?|here)?\b.{0,10}domain",
        r"must authenticate",
    )),
    ("no_mail_accepted", (
        r"null ?mx", r"couldn't find a mail exchanger", r"no smtp service",
        r"(?:domain|host|server|site).{0,60}(?:does not|doesn't|not|never) (?:accept|receive|take)s? "
        r"(?:any )?(?:e-?mail|mail|messages)\b(?! from)", r"smtp protocol returned.{0,20} no mail",
        r"(?:not|no) (?:a )?mail "
        r"(?:server|host|exchanger) for",
    )),
    ("host_unknown", (
        r"(?:host|domain)(?: name)? (?:is )?unknown", r"(?:host|"
        r"domain)(?: or domain)?(?: name)?s?(?:(?! said).){0,60}(?:not found|"
        r"does(?:n't| not) exist|could not be (?:found|resolved)|"
        r"not resolv|cannot be (?:found|resolved)|couldn't be (?:found|resolved)|no longer exist|not exist|"
        r"is invalid|"
        r"isn't valid|"
        r"lookup fail)", r"(?:unknown|no such|bad|invalid|illegal|unresolvable|non-?existent|can't find|"
        r"couldn't find|"
        r"cannot find|"
        r"could not find|unrouteable|unroutable).{0,20} (?:mail |destination |any )?(?:host|domain|system|gateway|"
        r"mail exchanger|mx|"
        r"a? ?mail server)", r"name or service not known", r"nxdomain", r"no (?:mx|a|mail exchanger|mail server|"
        r"dns) (?:record|"
        r"entry|hosts?|server)", r"no (?:valid )?(?:mx|mail exchanger|mail server)s?\b",
        r"(?:address|name) lookup.{0,20} fail",
        r"dns (?:lookup )?(?:error|fail|domain)", r"(?:not|isn't) a (?:valid|known) (?:domain|host)",
        r"domain.{0,30} not (?:valid|"
        r"registered)", r"(?:all|every).{0,20} (?:mx|host).{0,30} (?:invalid|points? to)", r"no dns",
        r"domain is not reachable", r"unable to (?:resolve|find|look ?up).{0,30} (?:host|domain|mx|server)",
    )),
    ("moved", (
        r"has (?:recently )?moved", r"(?:user|recipient|mailbox|address|account|person|he|she|i) (?:is|has|have|was|"
        r"has been) ?(?:been )?"
        r"(?:moved|changed|relocated) ?(?:to|address|;|,|\.)", r"(?:new|changed) (?:e-?mail )?address",
        r"address (?:has )?changed",
        r"user not local;? ?please try", r"please (?:try|use|forward to|send to|mail|write to) <",
        r"no longer at this (?:address|"
        r"company|location)", r"destination mailbox has moved", r"recipient has moved",
    )),
    ("mailbox_disabled", (
        WHO + r".{0,50} (?:is|has been|was|are|been|currently)? ?(?:temporarily |permanently |"
        r"currently )?(?:disabled|inactive|suspend|"
        r"deactivated|locked|frozen|not active|terminated|closed|blocked|cancell?ed|discontinued|on hold|restricted)",
        r"(?:disabled|inactive|suspended|deactivated|locked|expired|closed|dormant|invalid/inactive) (?:user|"
        r"recipient|mailbox|account|"
        r"address)", r"(?:account|mailbox|user|address).{0,40} (?:not been (?:used|activated)|no longer (?:active|"
        r"in use|used))",
        r"account (?:has )?expired", r"mailbox currently suspended", r"no longer (?:active|accept)",
        r"not (?:currently )?"
        r"accepting (?:mail|messages|e-?mail)", r"service (?:has been )?(?:suspended|disabled)", r"out of service",
        r"user suspended",
    )),
    ("unknown_user", UNKNOWN_USER),
    ("spam", (
        r"spam", r"\bjunk\b", r"unsolicited", r"\bbulk (?:mail|e-?mail|message)", r"\bube\b", r"\buce\b",
        r"likely (?:spam|suspicious)",
        r"suspicious", r"content.{0,20} (?:reject|filter|block|refus|denied|unacceptable)",
        r"(?:content|bayes).?filter", r"score",
        r"not (?:look|appear) (?:like )?legitimate", r"objectionable",
    )),
    ("try_later", (r"gr[ea]y ?-?list", r"gr[ea]y-?listing")),
    ("expired", (
        r"expired", r"retry time(?:out)?", r"(?:queue|spool).{0,30} (?:too long|time)", r"too long.{0,20} (?:queue|"
        r"spool)",
        r"(?:could|can)(?: not|n't|not) (?:be delivered|deliver).{0,30} (?:for|within|in|after|"
        r"since) (?:the last )?\d", r"giving up",
        r"deliver\w{0,3} (?:failed|attempts?).{0,10} \d{1,4} (?:attempt|time)", r"message (?:has )?timed? ?-?out",
        r"aborted after", r"for (?:more than |"
        r"the last |past )?[\d.]{1,6} (?:days?|hours?)", r"within (?:the )?(?:specified|allowed|allotted|"
        r"[\d.]{1,6}) ?(?:time|period|"
        r"days?|hours?)", r"delivery (?:time|attempts?|retr).{0,40}(?:exceeded|exhausted|limit|out)",
        r"not going to try again",
        r"all attempts", r"maximum (?:retry|retries|attempts|queue|age)", r"(?:retries|attempts) (?:exceeded|"
        r"exhausted)",
        r"no longer (?:retry|attempt)",
    )),
    ("unreachable", (
        r"connection.{0,40} (?:timed? ?-?out|refused|reset|lost|failed|closed|dropped|unexpected|broken|aborted|"
        r"died)", r"(?:network|host|"
        r"destination|route).{0,20} (?:is )?(?:unreachable|down|to host)", r"no route", r"socket error",
        r"did not accept our requests? to "
        r"connect", r"timed out", r"time-?out", r"lost connection", r"unable to connect", r"(?:can't|cannot|couldn't|"
        r"could not|failed to|unable "
        r"to).{0,20} (?:connect|contact|reach|establish|open)", r"(?:server|host).{0,20} (?:not|did not|didn't|"
        r"failed to|isn't) (?:respond|"
        r"answer|reachable|available)", r"name (?:service|server)", r"try again$", r"network error", r"no answer",
        r"\btls\b", r"starttls",
        r"certificate", r"connect(?:ion)? (?:error|fail|issue|problem)",
    )),
    ("content", (
        r"attachment", r"\bmime\b", r"8-?bit", r"(?:message|mail) (?:format|content|header|body)", r"\bheaders?\b",
        r"malformed",
        r"rfc ?\d{3,4}", r"(?:not|non|in)[- ]?complian", r"content", r"encod", r"file type", r"extension",
        r"bare (?:lf|cr|line)",
        r"duplicated? message-?id", r"subject\b", r"url", r"line (?:too long|length)",
    )),
    ("policy", (
        r"polic(?:y|ies)", r"prohibit", r"restrict", r"not (?:allowed|permitted|authori[sz]ed)", r"permission",
        r"administrative",
        r"access denied", r"security", r"compliance", r"forbidden", r"may not", r"unauthori[sz]ed", r"firewall",
        r"moderat", r"denied",
        r"only accept", r"members? only", r"blocked",
    )),
    ("try_later", (
        r"try (?:again|it)? ?(?:later|again)", r"temporar(?:y|ily)", r"deferred", r"come back later",
        r"not accepting network", r"busy",
        r"service (?:not|"
        r"(?:is )?(?:temporarily )?un)available", r"later",
    )),
    ("system_error", (
        r"(?:local|internal|system|server|database|lookup|configuration|i/?o|program|software|processing|"
        r"delivery agent|mailer|unexpected|"
        r"fatal).{0,15} (?:error|fail|fault|problem|exception)", r"no space left", r"command (?:died|failed|not|"
        r"output)", r"can't create",
        r"can(?:'|no)t (?:open|write|lock|append|access|exec)", r"unable to (?:write|open|create|lock|store|access|"
        r"exec)", r"resources",
        r"read-?only", r"no such file", r"out of memory", r"disk (?:error|failure)", r"misconfig", r"pipe",
        r"procmail", r"exit(?:ed)? (?:status|"
        r"with)", r"mailer error", r"line \d", r"alias", r"syntax error",
    )),
    ("refused", (
        r"reject", r"refus", r"not accept", r"declin", r"filter", r"will not", r"not deliver", r"did not like",
        r"transaction failed", r"disabled",
        r"unaccept", r"return",
    )),
)  # fmt: skip

PHRASES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile("|".join(phrases))) for reason, phrases in _TABLE
)
"""In the order in which they are tried: (reason, pattern over `reasons.plain` text)."""
