"""What speaks for a machine, a list, a question or a wish to hear no more - and what only seems to."""

from __future__ import annotations

import pytest

from services.reply_matching.domain.automatic_words import says_it_is_automatic
from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.report_signs import looks_like_report
from services.reply_matching.domain.unsubscribe import asks_to_unsubscribe

MACHINE = "Auto-Submitted: auto-replied\n"


def _class(fields: str, text: str) -> str:
    head = "From: Ben <ben@example.org>\nTo: alice@example.com\nDate: Tue, 14 May 2024 10:00:00 +0200\n"
    return classify((head + fields + "Content-Type: text/plain; charset=utf-8\n\n" + text).encode()).klass.value


@pytest.mark.parametrize("value", ["All", "OOF", "DR, OOF, AutoReply", "all, none"])
def test_a_wish_for_no_automatic_answers_proves_no_machine(value: str) -> None:
    assert _class(f"Subject: Re: x\nX-Auto-Response-Suppress: {value}\n", "Yes, gladly.") == "human"


@pytest.mark.parametrize(
    "text",
    ["This is an automated message.", "Please do not reply to this automated e-mail.", "This reply was auto-generated.",
     "Dies ist eine automatisch generierte E-Mail.", "Diese Nachricht wurde automatisch versandt.",
     "Ceci est un message automatique.", "Este mensaje ha sido enviado automáticamente.",
     "Esta mensagem foi gerada automaticamente.", "Questo è un messaggio generato automaticamente.",
     "Dit is een automatisch gegenereerd bericht.", "To jest wiadomość wygenerowana automatycznie.",
     "Detta är ett automatiskt genererat meddelande.", "Dette er en automatisk bekræftelse.",
     "このメールは自動で送信されています。"],
)  # fmt: skip
def test_a_text_says_of_itself_that_no_person_wrote_it(text: str) -> None:
    assert says_it_is_automatic(text)
    assert _class("Subject: x\n", text) == "human", "alone it is not enough"
    assert _class("Return-Path: <>\nSubject: x\n", text) == "auto_reply"


@pytest.mark.parametrize(
    "text",
    [
        "This is not an automated message!",
        "I got your automatic reply.",
        "Do not reply to this e-mail address, use my own.",
        "Der Drucker wurde automatisch erkannt.",
    ],
)
def test_people_speak_of_automatic_mail_too(text: str) -> None:
    assert not says_it_is_automatic(text)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "AUTO: Ida Berg is out of the office (returning 27/05/2024)",
            "This is an automated response to your message.",
        ),
        ("[Odpowiedź automatyczna] oferta", "Jestem poza biurem."),
        ("【自動返信】不在", "休暇中です。"),
    ],
)
def test_an_old_programs_absence_is_known_by_its_subject_and_words(subject: str, text: str) -> None:
    assert _class(f"Subject: {subject}\nPrecedence: junk\n", text) == "out_of_office"


@pytest.mark.parametrize(
    "text",
    ["I am at a fair until 24 May.", "Ich bin bis zum 24. Mai auf Schulung.", "En formation jusqu'au 24 mai.",
     "Estoy en una feria hasta el viernes 24 de mayo."],
)  # fmt: skip
def test_an_automatic_answer_that_names_an_until_speaks_of_absence(text: str) -> None:
    assert _class("Subject: Automatic reply: x\n" + MACHINE, text) == "out_of_office"


@pytest.mark.parametrize("text", ["We will get back to you by 24 May.", "Your order of 20 May is registered."])
def test_a_date_alone_is_no_absence(text: str) -> None:
    assert _class("Subject: Automatic reply: x\n" + MACHINE, text) == "auto_reply"


def test_a_way_out_makes_no_list_of_an_automatic_notice() -> None:
    way_out = "List-Unsubscribe: <https://example.org/u>\n"
    assert _class("Subject: How did we do?\n" + MACHINE + way_out, "Rate us.") == "auto_reply"
    assert _class("Subject: News\n" + way_out, "See what is new.") == "list"
    assert _class("Subject: News\n" + MACHINE + way_out + "List-Id: <news.example.org>\n", "See.") == "list"


@pytest.mark.parametrize(
    "text",
    ["Your mail is held. Click the link to be added to my list of approved senders.",
     "Damit Ihre Nachricht zugestellt wird, öffnen Sie diesen Link.",
     "Pour que votre message soit remis, cliquez sur ce lien.", "Para que su correo sea entregado, siga este enlace.",
     "Conferma di essere una persona a questo link.", "Bevestig via deze link dat u geen robot bent."],
)  # fmt: skip
def test_a_question_to_the_sender_is_a_challenge(text: str) -> None:
    assert _class("Subject: x\n" + MACHINE, text) == "challenge"
    assert _class("Subject: Re: x\nIn-Reply-To: <a@example.com>\n", text) == "human", "a person may write so too"


def test_a_persons_answer_to_our_own_question_is_no_challenge() -> None:
    answer = "Subject: Re: Please verify your e-mail address\nIn-Reply-To: <a@example.com>\n"
    assert _class(answer, "I clicked the link, https://example.com/c, but it does not open.") == "human"
    assert _class("Subject: Please verify your e-mail address\n", "Click the link to have your mail delivered.") == (
        "challenge"
    )


def test_a_question_dressed_as_a_report_of_delay_is_a_challenge() -> None:
    report = (
        "From: {sender}\nSubject: Re: offer (action required)\nContent-Type: multipart/report; "
        'report-type=delivery-status; boundary="b"\n\n--b\nContent-Type: text/plain\n\nPlease add yourself to my guest '
        "list: https://guests.example.org\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
        "Final-Recipient: rfc822; ben@example.org\nAction: delayed\nStatus: 4.7.1\n--b--\n"
    )
    assert classify(report.format(sender="noreply@guests.example.org").encode()).klass.value == "challenge"
    assert classify(report.format(sender="MAILER-DAEMON@mx.example.org").encode()).klass.value == "delayed"


@pytest.mark.parametrize(
    "text",
    ["Wir versuchen es weiterhin; noch nicht zugestellt: ben@example.org", "Votre message n'a pas encore été remis.",
     "Su mensaje aún no se ha entregado; se volverá a intentar.", "A mensagem ainda não foi entregue.",
     "Il messaggio non è ancora stato recapitato.", "Uw bericht is nog niet bezorgd.",
     "Wiadomość jeszcze nie została dostarczona; kolejne próby nastąpią.", "Meddelandet har ännu inte levererats.",
     "Beskeden er endnu ikke leveret.", "メールはまだ配信されていません。再送します。",
     "The addresses had transient non-fatal errors. Warning: message still undelivered, will keep trying."],
)  # fmt: skip
def test_who_still_tries_has_not_given_up(text: str) -> None:
    from_server = "From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Warning\n"
    head = "Content-Type: text/plain; charset=utf-8\n\n"
    assert classify((from_server + head + text).encode()).klass.value == "delayed"


@pytest.mark.parametrize(
    "text",
    ["Vi chiedo di cancellarmi.", "Mi cancelli dalla lista.", "Elimínenme de su lista.", "Le ruego que me borre.",
     "Remova o nosso contacto.", "Veuillez me supprimer de vos fichiers.", "Je ne veux plus recevoir ces mails.",
     "Haal mij van de lijst.", "Ta bort oss.", "Slet min adresse.", "Proszę wypisać mnie z listy.",
     "Remove me and all other users of our domain."],
)  # fmt: skip
def test_a_wish_to_hear_no_more_is_known(text: str) -> None:
    assert asks_to_unsubscribe(text)


@pytest.mark.parametrize(
    "text",
    ["How do users unsubscribe?", "Können sich Kunden selbst abmelden?", "Comment les clients se désinscrivent-ils ?",
     "Please cancel the order.", "Vorrei cancellare l'appuntamento."],
)  # fmt: skip
def test_talk_of_others_or_of_other_things_is_no_wish(text: str) -> None:
    assert not asks_to_unsubscribe(text)


def test_a_person_who_writes_anew_of_a_failed_delivery_is_a_person() -> None:
    notice = "your message could not be delivered to bob@example.org: 550 5.1.1 user unknown."
    assert _class("Subject: delivery failed\n", notice) == "bounce"
    assert _class("Subject: delivery failed\n", f"Hi Alice, {notice} Shall I have it mended?") == "human"


def test_a_boundary_or_a_files_name_makes_no_report() -> None:
    for kind in ('multipart/mixed; boundary="--report--"', 'application/pdf; name="sales-report.pdf"'):
        assert not looks_like_report(parse_block(f"From: ben@example.org\nContent-Type: {kind}\n\n".encode()))
    assert looks_like_report(parse_block(b"From: ben@example.org\nContent-Type: Multipart/Report; boundary=x\n\n"))
