"""What servers say, read into a reason and into hard or soft; the phrases are those that many servers share."""

from __future__ import annotations

import pytest

from services.reply_matching.domain.classification import Hardness
from services.reply_matching.domain.reasons import REASONS, hardness_of, reason_of
from services.reply_matching.domain.stage import Stage, corrected, stage_of
from services.reply_matching.domain.status_codes import reason_by_code, reply_in, status_in

SAID = [
    ("550 #5.1.0 Address rejected.", "unknown_user"),
    ("550 #5.1.1 bad address nobody@example.org", "unknown_user"),
    ("550 5.1.1 The email account that you tried to reach does not exist.", "unknown_user"),
    ("550 account not found", "unknown_user"),
    ("550 Address does not exist", "unknown_user"),
    ("550 address not present in directory", "unknown_user"),
    ("550 bad-recipient", "unknown_user"),
    ("553 5.3.0 nobody@example.org... User unknown", "unknown_user"),
    ("550 Invalid mailbox", "unknown_user"),
    ("550 Invalid mailbox path", "unknown_user"),
    ("550 5.1.1 is not a known user", "unknown_user"),
    ("550 'nobody' is not a valid mailbox", "unknown_user"),
    ("550 mailbox not present", "unknown_user"),
    ("550 mailbox unavailable or access denied", "unknown_user"),
    ("550 nessun utente simile in questo dominio", "unknown_user"),
    ("550 no account by that name here", "unknown_user"),
    ("550 No existe dicha persona", "unknown_user"),
    ("550 no existe ese usuario", "unknown_user"),
    ("550 no mail box available for this user", "unknown_user"),
    ("550 No such person at this address", "unknown_user"),
    ("550 no thank you rejected: Account Unavailable", "unknown_user"),
    ("550 Not a valid recipient", "unknown_user"),
    ("550 Recipient is not local", "unknown_user"),
    ("550 recipient not ok", "unknown_user"),
    ("550 5.1.1 unknown or illegal alias", "unknown_user"),
    ("550 sorry, no mailbox here by that name (#5.1.1 - chkuser)", "unknown_user"),
    ("511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", "unknown_user"),
    ("550 That e-mail address is not handled here", "unknown_user"),
    ("550 The following recipients was undeliverable", "unknown_user"),
    ("550 The user's email name is not found.", "unknown_user"),
    ("550 there is no one at this address", "unknown_user"),
    ("550 This email address is wrong or no longer valid", "unknown_user"),
    ("553 sorry, this recipient is not in my validrcptto list (#5.7.1)", "unknown_user"),
    ("550 This spectator does not exist", "unknown_user"),
    ("550 unknown e-mail address", "unknown_user"),
    ("550 Unknown mailbox", "unknown_user"),
    ("550 User missing home directory", "unknown_user"),
    ("550 user not active", "mailbox_disabled"),
    ("550 utilisateur inconnu !", "unknown_user"),
    ("550 User path not found", "unknown_user"),
    ("550 5.1.1 RECIPIENT UNKNOWN", "unknown_user"),
    ("550 unrouteable address", "unknown_user"),
    ('550 Unknown local-part "nobody" in <nobody@example.org>', "unknown_user"),
    ("550 5.4.1 All recipient addresses rejected : Access denied", "unknown_user"),
    ("550 No such local user", "unknown_user"),
    ("550 <nobody@example.org>: Recipient address rejected: User unknown in virtual mailbox table", "unknown_user"),
    (
        "550 <nobody@example.org>: Recipient address rejected: undeliverable address: host mx said: 550 no such user",
        "unknown_user",
    ),
    ("550 Requested action not taken: mailbox unavailable", "unknown_user"),
    (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the "
        "recipient's email address for typos or 550-5.1.1 unnecessary spaces.",
        "unknown_user",
    ),
    (
        "554 delivery error: dd Sorry your message to x@example.net cannot be delivered. This account has been "
        "disabled or discontinued [#102].",
        "mailbox_disabled",
    ),
    ("554 delivery error: dd This user doesn't have a example.net account (x@example.net) [0]", "unknown_user"),
    (
        "Your message wasn't delivered to x@example.org because the address couldn't be found, or is unable to "
        "receive mail.",
        "unknown_user",
    ),
    (
        "The email address you entered couldn't be found. Please check the recipient's email address and try to "
        "resend the message.",
        "unknown_user",
    ),
    ("Die eingegebene E-Mail-Adresse wurde nicht gefunden.", "unknown_user"),
    ("No se ha encontrado la dirección de correo electrónico que especificó.", "unknown_user"),
    ("L'adresse e-mail que vous avez entrée est introuvable.", "unknown_user"),
    ("Impossibile trovare l'indirizzo di posta elettronica immesso.", "unknown_user"),
    ("O endereço de email que você inseriu não pôde ser encontrado.", "unknown_user"),
    ("Het opgegeven e-mailadres kan niet worden gevonden.", "unknown_user"),
    ("Nie można znaleźć wprowadzonego adresu e-mail.", "unknown_user"),
    ("Det gick inte att hitta e-postadressen som du angav.", "unknown_user"),
    ("Den mailadresse, du har angivet, blev ikke fundet.", "unknown_user"),
    ("入力した電子メール アドレスが見つかりませんでした。", "unknown_user"),
    ("RESOLVER.ADR.ExRecipNotFound; not found", "unknown_user"),
    ("The recipient's e-mail address was not found in the recipient's e-mail system.", "unknown_user"),
    ("Die E-Mail-Adresse des Empfängers wurde im E-Mail-System des Empfängers nicht gefunden.", "unknown_user"),
    (
        "L'adresse de messagerie du destinataire est introuvable dans le système de messagerie du destinataire.",
        "unknown_user",
    ),
    ("This user is not listed in the address book", "unknown_user"),
    ("550 5.1.1 sid=x User does not exist here (MPP)", "unknown_user"),
    ("550 Rejected: Unknown user", "unknown_user"),
    ("550 Mailbox not found", "unknown_user"),
    ("554 5.7.1 The recipient address <x@example.org> has been suspended", "mailbox_disabled"),
    ("mailbox for x@example.org does not exist or is not allowed to receive", "unknown_user"),
    ("x@example.org is not a registered gateway user", "unknown_user"),
    ("Sorry, I wasn't able to find this user", "unknown_user"),
    ("User not known", "unknown_user"),
    ("550 5.1.1 x is not a local mailbox", "unknown_user"),
    ("Account x does not exist", "unknown_user"),
    ("Invalid final delivery userid", "unknown_user"),
    ("no such recipient here", "unknown_user"),
    ("550 cuda_nsu No such user", "unknown_user"),
    ("550 5.2.1 The email account that you tried to reach is inactive", "mailbox_disabled"),
    ("This account is no longer in use", "mailbox_disabled"),
    ("550 5.0.0 x... No such user", "unknown_user"),
    ("unknown address", "unknown_user"),
    ("the recipient's mailbox does not exist", "unknown_user"),
    ("550 MAILBOX NOT FOUND [ID=...]", "unknown_user"),
    ("553 Invalid recipient x@example.org (Mode: normal)", "unknown_user"),
    ("553 5.1.3 invalid address", "unknown_user"),
    ("Host or domain name not found. Name service error for name=x type=AAAA: Host not found", "host_unknown"),
    ("550 Host unknown", "host_unknown"),
    ("DNS Error: 11111 DNS type 'mx' lookup of nowhere.example responded with code NXDOMAIN", "host_unknown"),
    ('Unrouteable mail domain "x.example"', "host_unknown"),
    ("Sorry, I couldn't find any host named x.example. (#5.1.2)", "host_unknown"),
    ("The domain x.example doesn't exist", "host_unknown"),
    ("no mail exchanger for domain", "no_mail_accepted"),
    ("Domain does not exist", "host_unknown"),
    ("5.1.2 bad destination system", "host_unknown"),
    ("all relevant MX records point to non-existent hosts", "host_unknown"),
    ("Your message wasn't delivered because the domain example.orgg couldn't be found.", "host_unknown"),
    ("unable to resolve the address of host", "host_unknown"),
    ("No such domain", "host_unknown"),
    ("550 SPF check failed", "authentication"),
    ("452 4.2.2 mailbox full", "mailbox_full"),
    ("552 5.2.2 over quota", "mailbox_full"),
    ("550 5.7.1 Message rejected due to content restrictions", "content"),
    ("554 5.7.1 rejected: blocked by spamhaus", "blocked"),
    ("550 Sender verify failed", "sender_rejected"),
    ("553 sorry, your envelope sender is in my badmailfrom list", "sender_rejected"),
    ("550 5.1.8 Sender address rejected: Domain not found", "sender_rejected"),
    ("554 5.7.1 relay access denied", "relaying_denied"),
    ("550 5.7.1 Unable to relay", "relaying_denied"),
    ("550 rejected because 192.0.2.1 is in a black list", "blocked"),
    ("421 4.7.0 try again later", "try_later"),
    ("450 4.7.1 greylisted", "try_later"),
    ("552 5.3.4 message size exceeds limit", "too_big"),
    ("554 message contains a virus", "virus"),
    ("connect to mx.example.org[192.0.2.1]:25: Connection timed out", "unreachable"),
    ("conversation with mx timed out while receiving the initial server greeting", "unreachable"),
    ("4.4.7 message expired", "expired"),
    ("550 permanent failure for one or more recipients (x@example.org:blocked)", "policy"),
    ("550 5.7.1 Client does not have permissions to send as this sender", "policy"),
    ("550 5.7.133 sender not authenticated for group", "authentication"),
    ("550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized", "policy"),
    ("550 5.2.0 STOREDRV.Deliver: mailbox full", "mailbox_full"),
    ("552-5.2.2 The email account that you tried to reach is over quota.", "mailbox_full"),
    ("550 5.7.515 Access denied, sending domain does not meet the required authentication level", "authentication"),
    ("550 5.7.509: Access denied, sending domain example.com does not pass DMARC verification", "authentication"),
    ("554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.", "blocked"),
    ("450 4.2.1 The user you are trying to contact is receiving mail too quickly.", "rate_limited"),
    ("550 Message was blocked by recipient", "blocked"),
    ("Too many invalid recipients", "rate_limited"),
    ("550 administrative prohibition", "policy"),
    ("451 Temporary local problem", "try_later"),
    ("5.3.2 system not accepting network messages", "try_later"),
    ("554 5.4.14 Hop count exceeded - possible mail loop", "mail_loop"),
    ("mail for x loops back to myself", "mail_loop"),
    ("host mx said: 550 Access denied", "policy"),
    ("Your message was rejected by the recipient's filter", "refused"),
    ("550 High probability of spam", "spam"),
    ("Recipient address rejected: Greylisting in effect", "try_later"),
    ("550 The sending IP is blocked", "blocked"),
    ("550 Verification failed for <alice@example.com> Sender verify failed", "sender_rejected"),
    ("550 5.7.1 recipient does not accept mail from you", "refused"),
    ("421 Too many concurrent SMTP connections", "rate_limited"),
    ("user has exhausted allowed storage space", "mailbox_full"),
    (
        "550 The mail server could not deliver mail to x. The account or domain may not exist, they may be "
        "blacklisted, or missing the proper dns entries.",
        "blocked",
    ),
    ("550 Invalid HELO", "blocked"),
    ("553 Domain of sender address does not exist", "sender_rejected"),
    ("501 sender domain must exist", "sender_rejected"),
    ("552 message size limit exceeded, limit: 52428800", "too_big"),
    ("Remote host said: 550 5.1.1 The account that you tried to reach does not exist", "unknown_user"),
    ("554 5.7.0 Reject, id=1 - BANNED: application/zip,offer.exe", "content"),
    ("CNAME lookup failed temporarily. (#4.4.3)", "unreachable"),
]
HARD = {"unknown_user", "host_unknown", "moved", "no_mail_accepted"}


@pytest.mark.parametrize(("words", "reason"), SAID, ids=lambda value: value[:60])
def test_words_are_read_into_a_reason(words: str, reason: str) -> None:
    status, reply = status_in(words), reply_in(words)
    assert reason_of(words, status, reply) == reason
    assert (hardness_of(reason, status, reply, words) is Hardness.HARD) == (reason in HARD)


@pytest.mark.parametrize(
    ("status", "reply", "reason"),
    [
        ("5.1.1", "", "unknown_user"), ("5.1.2", "", "host_unknown"), ("5.1.6", "", "moved"),
        ("5.2.2", "", "mailbox_full"),
        ("5.3.4", "", "too_big"), ("4.4.1", "", "unreachable"), ("5.4.6", "", "mail_loop"), ("4.4.7", "", "expired"),
        ("5.6.9", "", "content"), ("5.7.99", "", "policy"), ("5.7.26", "", "authentication"), ("5.0.0", "", ""),
        ("", "552", "too_big"), ("", "550", ""), ("", "", ""),
    ],
)  # fmt: skip
def test_codes_alone_are_read_too(status: str, reply: str, reason: str) -> None:
    assert reason_by_code(status, reply) == reason


def test_every_reason_has_a_sentence_for_a_person() -> None:
    told = {reason for _, reason in SAID} | {reason_of("", "5.0.0"), reason_of("")}
    assert told <= set(REASONS)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


@pytest.mark.parametrize(
    ("text", "status", "reply"),
    [
        ("550 5.1.1 x", "5.1.1", "550"), ("550-5.1.1 x", "5.1.1", "550"), ("smtp; 452 4.2.2", "4.2.2", "452"),
        ("mx [192.0.2.1]:25: refused", "", ""), ("port 587 at 10.5.1.1", "", ""), ("(#5.1.1)", "5.1.1", ""),
        ("on 2024-05-13 at 5:50", "", ""), ("5.1.10 not found", "5.1.10", ""), ("version 5.1.1.2", "", ""),
    ],
)  # fmt: skip
def test_codes_are_found_and_addresses_are_not_taken_for_codes(text: str, status: str, reply: str) -> None:
    assert (status_in(text), reply_in(text)) == (status, reply)


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("smtp error after rcpt to:<x@example.org>", Stage.RECIPIENT),
        ("user unknown (in reply to end of data command)", Stage.DATA),
        ("smtp error from remote mail server after mail from:<a@example.com>", Stage.MAIL),
        ("user unknown", Stage.UNKNOWN),
        (">>> data <<< 550 user unknown", Stage.DATA),
    ],
)  # fmt: skip
def test_the_stage_of_a_refusal_is_seen(text: str, stage: Stage) -> None:
    assert stage_of(text) is stage


def test_a_vague_refusal_after_the_text_was_sent_does_not_condemn_the_address() -> None:
    assert corrected("unknown_user", "550 User unknown", "5.0.0", Stage.DATA, "x@example.org") == "refused"
    assert corrected("unknown_user", "550 5.1.1 User unknown", "5.1.1", Stage.DATA, "x@example.org") == "unknown_user"
    assert corrected("unknown_user", "550 no account of that name", "", Stage.DATA, "x@example.org") == "unknown_user"
    assert corrected("host_unknown", "domain does not exist", "", Stage.MAIL, "x@example.org") == "sender_rejected"


def test_a_host_that_is_not_found_for_now_is_soft() -> None:
    assert hardness_of("host_unknown", "4.4.3") is Hardness.SOFT
    assert hardness_of("host_unknown", "", "", "host not found, try again") is Hardness.SOFT
    assert hardness_of("host_unknown", "5.4.4") is Hardness.HARD
