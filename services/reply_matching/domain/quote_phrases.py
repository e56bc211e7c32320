"""How clients introduce what they quote, and how people end a mail, by language; data for `reply_text`. Lower case."""

from __future__ import annotations

import re

# "On … wrote:", wherever the language puts its verb.
_VERBS = (
    r"wrote|writes|schrieb|a écrit|écrit|a ecrit|escribió|escribio|escreveu|ha scritto|scrisse|schreef|"
    r"heeft .{0,80}geschreven|napisał\w{0,2}|"
    r"napisał\(a\)|pisze|skrev|kirjoitti|írta|napsal\w?|napsal\(a\)|написал\w{0,2}|пишет|yazdı|wrote the following|"
    r"は書きました|さんは書きました|"
    r"写道|寫道|님이 작성"
)
VERB = re.compile(r"(?<![^\W\d_])(?:" + _VERBS + r")(?![^\W\d_])")
ATTRIBUTION_OPENS = re.compile(
    r"(?:on|am|le|el|em|il|op|w dniu|dnia|den|dne|på|at|il giorno|a |no dia|vào|\d{1,4}[-/.年]|(?:mon|tue|wed|thu|fri|"
    r"sat|sun|mo|di|mi|do|fr|"
    r"sa|so|lun|mar|mer|jeu|ven|sam|dim|pon|wt|śr|czw|pt|sob|ndz|niedz|man|tir|ons|tor|lör|sön|lør|søn|vr|za|zo|ma|"
    r"wo)\w{0,10}[.,]{0,2}\s|"
    r"[\"'<]|[^\W\d_][\w.'-]{0,30}(?: [\w.'-]{1,30}){0,4}[\s,]{0,2}[<(\[])"
)
DATE_OPENS = re.compile(r"[^\W\d_]{2,12}[.,]{0,2} \d{1,2}(?!\d)|\d{1,2}[:.]\d{2}(?!\d)")
"""A date in whatever language: `pe 20. lokakuuta`, `11:00 AM, November 17`."""
WORDLESS_ATTRIBUTION = re.compile(
    r"(?=.*\d{1,2}[:.]\d{2})(?=.*(?:\d{4}|\d{1,2}[./-]\d{1,2})).{5,300}[<\[][\w.+'-]{1,64}@[\w.-]{1,120}[>\]]\s?[:：]$"
)
"""Date, time, name and address without a verb, as several Eastern clients have it in every language."""
CJK_ATTRIBUTION = re.compile(
    r"\d{4}年\d{1,2}月\d{1,2}日.{0,80}(?:<[^<>]{3,120}>|[\w.-]{1,64}@[\w.-]{1,120}).{0,20}[:：]$"
)

_LABELS = {
    "from": "from|von|de|da|van|od|från|fra|差出人|送信者|发件人|寄件者|보낸 ?사람|от|odesílatel|lähettäjä|feladó|"
    "expéditeur|mittente|remitente",
    "sent": "sent|date|gesendet|datum|envoyé|enviado(?: el| em)?|fecha|data|enviada(?: em)?|inviato|verzonden|wysłano|"
    "skickat|sendt|dato|送信日時|日時|"
    "message du|日付|发送时间|보낸 ?날짜|отправлено|дата|odesláno|lähetetty|elküldve|envoyé le",
    "to": "to|an|à|a|para|aan|do|till|til|宛先|收件人|받는 ?사람|кому|komu|vastaanottaja|címzett|destinataire|"
    "destinatario",
    "cc": "cc|kopie|copie à|dw|kopia|kopi|抄送|참조|копия",
    "subject": "subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|temat|ämne|emne|件名|主题|主旨|제목|тема|"
    "předmět|aihe|tárgy",
}
LABEL = re.compile(
    r"[*_\s>]{0,4}(?:"
    + "|".join(f"(?P<{kind}>{names})" for kind, names in _LABELS.items())
    + r")\s?[*_]{0,2}\s?[:：]\s?[*_]{0,2}"
)

SEPARATOR = re.compile(
    r"(?:[-_=*~]{2,}\s?|begin |anfang der )?(?:original(?: e-?mail)? message|original appointment|"
    r"original message follows|reply message|forwarded message|forwarded by .{0,60}|"
    r"ursprüngliche (?:nachricht|e-mail)|originalnachricht|original-nachricht|weitergeleitete (?:nachricht|e-mail)|"
    r"message (?:d'origine|original|transféré|transmis)|début du message (?:transféré|réexpédié)|courriel original|"
    r"mensaje (?:original|reenviado)|inicio del mensaje reenviado|"
    r"mensagem (?:original|encaminhada)|início da mensagem (?:encaminhada|reencaminhada)|messaggio (?:originale|"
    r"inoltrato)|inizio messaggio inoltrato|"
    r"oorspronkelijk bericht|origineel bericht|doorgestuurd bericht|begin doorgestuurd bericht|(?:oryginalna |"
    r"przekazana )?wiadomość(?: oryginalna| przekazana)?|początek przekazywanej wiadomości|"
    r"ursprungligt meddelande|originalmeddelande|vidarebefordrat (?:meddelande|brev)|oprindelig meddelelse|"
    r"oprindelig besked|videresendt (?:besked|meddelelse|e-mail)|"
    r"opprinnelig melding|original message|元のメッセージ|転送メッセージ|オリジナルメッセージ|原始邮件|原始郵件|"
    r"転送されたメッセージ)\s?:?\s?(?:[-_=*~]{2,}|:)?$"
)
BEGINS_FORWARD = re.compile(
    r"(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)|début du message (?:transféré|"
    r"réexpédié)|inicio del mensaje reenviado|"
    r"início da mensagem (?:encaminhada|reencaminhada)|inizio messaggio inoltrato|begin doorgestuurd bericht|"
    r"początek przekazywanej wiadomości|"
    r"vidarebefordrat brev|start på videresendt besked|転送されたメッセージ)\s?[:：]?$"
)
DASHES = re.compile(r"[-_=*~]{2,}")
UNDERSCORES = re.compile(r"[_-]{10,}$")
ABOVE_THIS_LINE = re.compile(
    r"[-#=\s]{0,10}(?:please )?(?:reply|type your reply|write your reply|respond) above this line"
)

MOBILE = re.compile(
    r"(?:sent (?:from|with|via|using) (?:my |the |yahoo|outlook|mail |proton|gmail|samsung|android|iphone|ipad|"
    r"blackberry|windows|superhuman|spark|airmail|mobile|a |hey|fastmail|front|mailbird|nine|bluemail)|"
    r"sent on the go|get outlook for|download outlook|(?:von|mit) mein\w{0,3} .{1,40} gesendet|gesendet (?:von|mit|"
    r"über|aus)|von outlook für|outlook für (?:ios|android) (?:beziehen|laden)|holen sie sich outlook|"
    r"envoyé (?:de|depuis|à partir|avec|par) |obtenir outlook|téléchargez outlook|télécharger outlook|"
    r"enviado (?:desde|do|a partir|de|pelo|com|via|con) |obtener outlook|obter o outlook|"
    r"descarga outlook|inviato (?:da|con|dal|dall'|tramite) ?|(?:ottieni|scarica) outlook|(?:verstuurd|"
    r"verzonden) (?:vanaf|met|via|vanuit) |download outlook|outlook voor |"
    r"wysłan[eoy] (?:z|za pomocą|przy użyciu|przez) ?|pobierz (?:program )?outlook|uzyskaj (?:aplikację )?outlook|"
    r"skickat från |skaffa outlook|hämta outlook|sendt (?:fra|med|via) |hent outlook|få outlook|"
    r"(?:iphone|ipad|android|スマートフォン|outlook for ios|xperia|galaxy).{0,12}から送信|.{0,30}から送信$|"
    r"outlook for (?:ios|android).{0,10}(?:を入手|から)|enviado de meu|отправлено (?:с|из)|lähetetty )"
)

_CLOSINGS = (
    "best regards|kind regards|warm regards|warmest regards|best wishes|with best regards|with kind regards|many "
    "thanks and regards|regards|best|all the best|cheers|sincerely|yours sincerely|yours truly|"
    "yours faithfully|yours|take care|respectfully|cordially|thanks and regards|thanks & regards|br|kr|rgds|"
    "mit freundlichen grüßen|mit freundlichen gruessen|mit freundlichem gruß|freundliche grüße|freundliche grüsse|"
    "viele grüße|viele grüsse|beste grüße|beste grüsse|liebe grüße|herzliche grüße|schöne grüße|mfg|vg|lg|gruß|grüße|"
    "mit besten grüßen|hochachtungsvoll|"
    "cordialement|bien cordialement|bien à vous|salutations|sincères salutations|meilleures salutations|cdlt|"
    "respectueusement|bonne journée|bonne réception|"
    "saludos|un saludo|saludos cordiales|un cordial saludo|atentamente|cordialmente|un abrazo|muchos saludos|"
    "atenciosamente|cumprimentos|melhores cumprimentos|com os melhores cumprimentos|abraços|abraço|um abraço|cordiais "
    "saudações|att|saudações|"
    "cordiali saluti|distinti saluti|saluti|un saluto|un cordiale saluto|un caro saluto|a presto|"
    "met vriendelijke groet|met vriendelijke groeten|vriendelijke groeten|vriendelijke groet|hartelijke groeten|"
    "hartelijke groet|groeten|groet|groetjes|mvg|"
    "pozdrawiam|z poważaniem|pozdrowienia|z wyrazami szacunku|serdecznie pozdrawiam|serdeczne pozdrowienia|pozdrawiam "
    "serdecznie|"
    "med vänliga hälsningar|med vänlig hälsning|vänliga hälsningar|hälsningar|bästa hälsningar|mvh|vänligen|hälsning|"
    "med venlig hilsen|venlig hilsen|hilsen|bedste hilsner|mange hilsner|de bedste hilsner|kh|vh|"
    "よろしくお願いします|よろしくお願いいたします|よろしくお願い致します|宜しくお願いいたします|宜しくお願い致します|"
    "以上、よろしくお願いいたします|敬具|"
    "с уважением|terveisin|ystävällisin terveisin|s pozdravem|üdvözlettel"
)
CLOSINGS = frozenset(_CLOSINGS.split("|"))
_THANKS = (
    "thanks|thank you|many thanks|thanks again|thx|thanks a lot|thank you very much|thanks in advance|danke|vielen "
    "dank|besten dank|danke und gruß|merci|merci d'avance|merci beaucoup|"
    "gracias|muchas gracias|obrigado|obrigada|muito obrigado|grazie|grazie mille|bedankt|dank je|alvast bedankt|"
    "dziękuję|dzięki|tack|tack på förhand|tak|mange tak|på forhånd tak|"
    "ありがとうございます|ありがとうございました"
)
THANKS = frozenset(_THANKS.split("|"))
DISCLAIMER = re.compile(
    r"[*_\s-]{0,6}(?:confidentiality (?:notice|note)|disclaimer|legal notice|privileged (?:and|&) confidential|"
    r"this (?:e-?mail|message|communication)(?: and any .{0,40})? (?:is|are|may|contains?|and).{0,60}(?:confidential|"
    r"intended|privileged)|"
    r"caution: |diese (?:e-?mail|nachricht) (?:enthält|ist|kann|und).{0,60}vertraulich|ce (?:message|"
    r"courriel).{0,80}confidentiel|este (?:mensaje|correo|e-?mail).{0,80}confidencia|esta mensagem.{0,80}confidencia|"
    r"(?:questo|il presente) messaggio.{0,80}riservat|dit (?:bericht|e-?mail).{0,80}vertrouwelijk|(?:niniejsza|"
    r"ta) wiadomość.{0,80}poufn|detta (?:meddelande|e-?post).{0,80}konfidenti|denne (?:e-?mail|mail|"
    r"besked).{0,80}fortrolig|"
    r"p please consider the environment|please consider the environment|think before you print)"
)
