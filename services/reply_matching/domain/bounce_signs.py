"""The signs that a message without RFC 3464 is a bounce or a delay notice, each weighed; one alone never decides."""

from __future__ import annotations

import re

from services.reply_matching.domain.headers import Headers
from services.reply_matching.domain.judged import Evidence
from services.reply_matching.domain.reasons import plain
from services.reply_matching.domain.status_codes import reply_in, status_in

_ROBOT = re.compile(
    r"mailer[-_.]?daemon|post[-_]?master|mdaemon|mail[-_. ]?delivery|delivery[-_. ]?(?:sub)?system|"
    r"mail[-_. ]?(?:sub)?system|"
    r"microsoftexchange\w*|\bndr\b|system[-_. ]administrator|bounces?|no-?reply|do-?not-?reply|mail[-_.]?admin|"
    r"internet mail|"
    r"system attendant|undeliver|smtp",
)
SUBJECT = re.compile(
    r"undeliver|undelivr|delivery (?:status|failure|failed|error|report|problem|notif|delay|incomplete|has failed|"
    r"unsuccessful)|"
    r"deliver(?:y)? fail|fail(?:ure|ed) (?:notice|delivery|mail|deliver|message)|returned mail|returned to sender|"
    r"return to sender|"
    r"returning (?:message|mail|to)|mail (?:delivery|system error|failure|error|failed|status|could|undeliver)|"
    r"could ?n(?:o|')t "
    r"(?:be )?(?:deliver|send)|error sending|sending your mail|not deliver|message (?:status|delivery|could|not|"
    r"undeliver)|"
    r"permanent (?:error|fail)|non[- ]?deliver|nondeliver|bounce|delivery.{0,20} (?:failure|fail|delayed)|"
    r"rejected (?:message|mail)|"
    r"message (?:was )?rejected|unable to deliver|user unknown|unknown user|unknown address|warning.{0,40} (?:not|"
    r"mail|deliver|"
    r"send|delay)|(?:mail|message|delivery) (?:has been )?delayed|delayed (?:mail|delivery|message)|failure$|"
    r"unzustellbar|nicht zustellbar|zustellung|unzustellbarkeit|fehler(?:haft)?e? (?:bei|zust|nachricht)|rückläufer|"
    r"non (?:remis|distribu|livr|deliv|recapit)|échec|echec|impossible de (?:remettre|distribuer)|"
    r"no (?:se )?(?:pudo|puede|entreg|ha podido)|no entregad|error (?:de|en la) entrega|devuelto|"
    r"não (?:entreg|foi possível|pode)|falha (?:na|de) entrega|devolvid|impossibile (?:recapitare|consegnare)|"
    r"mancat[ao] (?:consegna|recapito)|"
    r"onbestelbaar|niet (?:afgeleverd|bezorgd|leverbaar)|aflever|niedostarcz|nie (?:można|mozna|dostarcz|doręcz)|"
    r"zwrot|"
    r"(?:går inte|kan inte|kunde inte) (?:att )?lever|obeställbar|olever|ulevererbar|kan ikke (?:leveres|afleveres|"
    r"levere)|"
    r"kunne ikke (?:leveres|afleveres)|uleverb|не доставлен|недостав|配信|配送|未达|退信|無法|系统退信|送信できません|"
    r"エラー|届け"
)
_FAILURE = re.compile(
    r"postponed|full mailbox|invalid .{0,30}(?:userid|user|recipient)|(?:did|does) not (?:exactly )?match|(?:could|"
    r"can|was|were|has|have|did|been|is|are|may)(?: ?not|n't)(?: be| been| reach)?(?: able to)? ?(?:be )?(?:deliver|"
    r"reach|sent|send|"
    r"relayed|process)|cannot (?:be )?(?:deliver|send)|(?:unable|not able|trouble|wasn't able|failed|impossible|"
    r"problem|error|difficult\w{1,5}|"
    r"attempting|trying)(?: occurred)?(?: while)?(?: in| when)? ?(?:attempting |trying )?(?:to )?(?:send|deliver|"
    r"reach|relay|forward)|deliver\w{0,3}.{0,80}"
    r"(?:fail|unsuccess|error|aborted|impossible|problem|reject|refus|delay|not possible|been suspended)|undeliver|"
    r"non-?deliver|"
    r"permanent(?:ly)? (?:error|fail|fatal)|fatal error|returned (?:to (?:the )?sender|mail|message|below)|"
    r"returning (?:message|mail) to|"
    r"did not reach|following (?:address|recipient|user|destination)\w{0,3}.{0,40}(?:fail|reject|problem|error|"
    r"invalid|unknown|were)|"
    r"failed (?:recipient|address|to deliver)|giving up|given up|has been (?:rejected|delayed|returned|bounced)|"
    r"message (?:was )?(?:rejected|refused|"
    r"bounced)|rejected your message|(?:message|mail).{0,60} not (?:been )?(?:delivered|accepted|sent|yet)|"
    r"no such user|user unknown|unknown user|not a valid (?:user|recipient|address|mailbox)|"
    r"invalid (?:user |recipient )?address|exceeds allowed size|returned mail|delivery status notification|"
    r"reason for (?:return|failure)|"
    r"mailbox.{0,20} (?:full|unavailable|does not exist)|over quota|address rejected|failure reasons?|undelivered|"
    r"rejected by|"
    r"may not exist|delivered? for the last|not listed in|"
    r"konnte.{0,60} nicht.{0,40}(?:zugestellt|gesendet|übermittelt|erreicht)|nicht (?:zugestellt|zustellbar)|"
    r"unzustellbar|fehlgeschlagen|"
    r"n'a(?:i)? (?:pas |pu ).{0,30}(?:être )?(?:remis|livré|distribu|délivré|envoy)|échec|impossible de (?:remettre|"
    r"livrer|distribuer)|non remis|"
    r"no (?:se )?(?:pudo|ha podido|puede|se ha).{0,40}entreg|no (?:ha sido |fue )?entregad|error.{0,20} entrega|"
    r"não (?:pôde|foi|pode|p[oô]de ser).{0,40}entreg|falha.{0,20} entrega|impossibile (?:recapitare|consegnare|"
    r"inviare)|non (?:è stato |)?(?:possibile )?"
    r"(?:recapitat|consegn)|niet (?:worden )?(?:afgeleverd|bezorgd|besteld)|nie (?:można|mozna|udało|"
    r"został).{0,40}(?:dostarcz|doręcz|wysła)|"
    r"niedostarcz|(?:kunde|kan|gick) inte.{0,30}(?:lever|skick)|kunne ikke.{0,30}(?:lever|aflever|send)|"
    r"ikke (?:leveret|afleveret)|"
    r"не (?:может быть |было |удалось )?доставлен|配信(?:でき|され|不能|エラー)|送信(?:でき|され)|届(?:け|"
    r"き)(?:られ)?(?:ません|ない)|返送|宛先.{0,20}(?:不明|存在)|无法(?:投递|送达)|"
    r"退信|被退回|전송(?:되지| 실패)"
)
_DELAYED = re.compile(
    r"postponed|(?:has been|is being|been|was|is|message|mail|delivery|deliver\w{0,4}) delay|delayed|"
    r"not yet (?:been )?deliver|still (?:try|in the queue|being|"
    r"be (?:attempted|retried|trying))|will (?:be retried|continue|keep|try again|retry|be attempted|be re-?tried)|"
    r"temporarily (?:undeliver|delayed)|"
    r"do(?:es)? not need to (?:resend|do)|warning message only|no action is required|continue (?:to|trying)|"
    r"\(delay\)|"
    r"attempts (?:to deliver )?will continue|"
    r"could not send (?:mail|message) for (?:past|the)|warning.{0,30}(?:could not|delayed|not)|verzögert|retard|"
    r"retraso|atras(?:o|ad)|ritard|"
    r"vertra(?:agd|ging)|opóźni|försen|forsink|遅延|задерж|延迟|"
    r"weiterhin versucht|noch nicht zugestellt|(?:erneut|weiter) versuch|"
    r"pas encore (?:été |pu |être ){1,3}(?:remis|délivré|livré|distribué)|(?:nouvelles|autres) tentatives|"
    r"(?:todavía|aún) no (?:se )?(?:ha|pud)|seguirá intent|volverá a intentar|"
    r"non è ancora|continuerà a|"
    r"ainda não (?:foi|pôde)|continuará (?:a )?tenta|novas tentativas|"
    r"non (?:è|è stato) ancora|ulteriori tentativi|continuer\w{1,4} a tentare|"
    r"nog niet (?:worden )?(?:afgeleverd|bezorgd)|opnieuw geprobeerd|blijf\w{0,2} .{0,20}proberen|"
    r"jeszcze nie został|kolejne próby|ponawia|"
    r"ännu inte|fortsätt\w{2,4} .{0,10}försök|endnu ikke|fortsætt\w{1,3} .{0,10}forsøg|再試行|再送|まだ配信"
)
_FINAL = re.compile(
    r"permanent(?:ly)? (?:error|fail|fatal)|given up|giving up|(?:could|was|were) not (?:be )?deliver|"
    r"will be deleted|"
    r"being returned|failed permanently|"
    r"no (?:further|longer)|undelivered mail returned|not going to try|permanent error|gave up|\(failure\)|"
    r"\(failed\)|"
    r"(?<!non-)fatal errors"
)


_MACHINE = frozenset(
    {
        "sent_by_a_mail_system",
        "empty_return_path",
        "auto_submitted",
        "x_failed_recipients",
        "report_type",
        "precedence",
        "explicit_notice",
        "returns_the_original",
    }
)
_PASSED_ON = ("re:", "fw", "aw:", "wg:", "tr:", "rv:", "sv:", "vs:", "vb:", "i:", "r:", "doorst", "enc:")
_EXPLICIT = re.compile(
    r"(?:your|a|the|this|an) (?:e-?mail )?(?:message|mail|e-?mail).{0,40}(?:could ?n[o\']t|can ?n[o\']t|was not|"
    r"has not).{0,10}"
    r"(?:be )?(?:been )?delivered.{0,40}@"
)


_NAMED_BY_OTHERS = ("no", "do", "bounce", "smtp")
"""Names that others than mail systems have too."""

_PERSONAL = re.compile(r"\b(?:i|we|our|my|hi|hello|dear)\b")


def failure_signs(headers: Headers, notice: str, has_original: bool) -> tuple[int, tuple[Evidence, ...]]:
    """The weight of all signs together (4 and more is a bounce) and what they were."""
    found: list[Evidence] = []
    weight = 0
    words = plain(notice)
    subject = plain(headers.text(b"subject"))
    sender = _sender(headers)
    robot = _ROBOT.search(sender)
    named = robot is not None and not robot.group().startswith(_NAMED_BY_OTHERS)
    failure = _FAILURE.search(words) or (_DELAYED.search(words) if named else None)
    if failure:
        weight += 2
        found.append(Evidence("failure_words", failure.group()[:80]))
    code = status_in(notice) if status_in(notice)[:1] in ("4", "5") else reply_in(notice)
    if code:
        weight += 1
        found.append(Evidence("refusal_code", code))
    if b"x-failed-recipients" in headers:
        weight += 4
        found.append(Evidence("x_failed_recipients"))
    if robot:
        weight += 2 if named else 1
        found.append(Evidence("sent_by_a_mail_system", robot.group()))
    if null_path(headers):
        weight += 1
        found.append(Evidence("empty_return_path"))
    about = SUBJECT.search(subject)
    if about:
        weight += 2 if failure or code else 1
        found.append(Evidence("failure_subject", about.group()))
    if "delivery-status" in headers.lower(b"content-type"):
        weight += 2
        found.append(Evidence("report_type", "delivery-status"))
    if headers.lower(b"precedence").strip() in ("bulk", "junk"):
        found.append(Evidence("precedence", headers.lower(b"precedence").strip()))
    answers = b"in-reply-to" in headers or b"references" in headers
    if not answers and _EXPLICIT.search(words[:400]) and not _PERSONAL.search(words[:600]):
        found.append(Evidence("explicit_notice"))
    if not answers and has_original and about and not subject.startswith(_PASSED_ON):
        found.append(Evidence("returns_the_original"))
    if headers.lower(b"auto-submitted").partition(";")[0].strip() not in ("", "no"):
        weight += 1
        found.append(Evidence("auto_submitted"))
    if has_original:
        weight += 1
        found.append(Evidence("carries_the_original"))
    if not (failure or code or about or b"x-failed-recipients" in headers):
        return 0, ()  # a mail system's other messages: greetings, digests, statistics
    if not _MACHINE.intersection(one.sign for one in found):
        return 0, ()  # a person who writes about a bounce, or passes one on
    return weight, tuple(found)


def null_path(headers: Headers) -> bool:
    """The empty envelope sender that RFC 5321 demands of reports; some systems write the robot's name in its place."""
    value = headers.raw(b"return-path")
    return value == b"<>" or (b"-" in value[:15] and value[:15].strip(b"<").lower().startswith(b"mailer-daemon"))


def is_delay(subject: str, notice: str) -> bool:
    """The server still tries. 'Could not be delivered' in the same breath as 'permanent' or 'given up' is the end."""
    words = f"{subject.lower()} {plain(notice[:3000])}"
    return _DELAYED.search(words) is not None and _FINAL.search(words) is None


def from_person(headers: Headers) -> bool:
    """An answer to somebody, from no mail system: whatever it says of failed deliveries, a person says it."""
    answers = b"in-reply-to" in headers or b"references" in headers
    return answers and not (b"auto-submitted" in headers or from_mail_system(headers))


def from_mail_system(headers: Headers) -> bool:
    """By its name or by the empty path; not every report's sender has either."""
    return null_path(headers) or _DAEMON.search(_sender(headers)) is not None


_DAEMON = re.compile(r"mailer[-_.]?daemon|post[-_]?master|mdaemon|microsoftexchange\w{20}")


def _sender(headers: Headers) -> str:
    return headers.text(b"from").lower()
