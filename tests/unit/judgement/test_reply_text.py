"""The new words alone: what clients and languages put around them, and what must never be cut away."""

from __future__ import annotations

import pytest

from services.reply_matching.domain.html_lines import html_to_lines
from services.reply_matching.domain.reply_text import new_text, split_reply

ATTRIBUTIONS = [
    "On Mon, 13 May 2024 at 16:05, Alice Moreau <alice@example.com> wrote:",
    "On May 13, 2024, at 4:05 PM, Alice Moreau <alice@example.com> wrote:",
    "Am 13.05.2024 um 16:05 schrieb Alice Moreau:",
    "Am Mo., 13. Mai 2024 um 16:05 Uhr schrieb Alice Moreau <alice@example.com>:",
    "Le lun. 13 mai 2024 à 16:05, Alice Moreau <alice@example.com> a écrit :",
    "El lun, 13 may 2024 a las 16:05, Alice Moreau (<alice@example.com>) escribió:",
    "Em seg., 13 de mai. de 2024 às 16:05, Alice Moreau <alice@example.com> escreveu:",
    "Il giorno lun 13 mag 2024 alle ore 16:05 Alice Moreau <alice@example.com> ha scritto:",
    "Op ma 13 mei 2024 om 16:05 schreef Alice Moreau <alice@example.com>:",
    "W dniu 13.05.2024 o 16:05, Alice Moreau pisze:",
    "pon., 13 maj 2024 o 16:05 Alice Moreau <alice@example.com> napisał(a):",
    "Den mån 13 maj 2024 kl 16:05 skrev Alice Moreau <alice@example.com>:",
    "Den man. 13. maj 2024 kl. 16.05 skrev Alice Moreau <alice@example.com>:",
    "2024年5月13日(月) 16:05 Alice Moreau <alice@example.com>:",
    "Alice Moreau <alice@example.com> wrote:",
    '13.05.2024, 16:05, "Alice Moreau" <alice@example.com>:',
    "2024-05-13 16:05 GMT+02:00 Alice Moreau <alice@example.com>:",
    "пн, 13 мая 2024 г. в 16:05, Alice Moreau <alice@example.com>:",
    "ma 13. toukokuuta 2024 klo 16.05 Alice Moreau <alice@example.com> kirjoitti:",
    "On Mon, 13 May 2024 16:05:11 +0200 Alice Moreau <alice@example.com> wrote",
    "---- On Mon, 13 May 2024 16:05:11 +0200 Alice Moreau <alice@example.com> wrote ---",
]
BLOCKS = {
    "en": ("From", "Sent", "To", "Subject"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "fr": ("De ", "Envoyé ", "À ", "Objet "),
    "es": ("De", "Enviado el", "Para", "Asunto"),
    "pt": ("De", "Enviada em", "Para", "Assunto"),
    "it": ("Da", "Inviato", "A", "Oggetto"),
    "nl": ("Van", "Verzonden", "Aan", "Onderwerp"),
    "pl": ("Od", "Wysłano", "Do", "Temat"),
    "sv": ("Från", "Skickat", "Till", "Ämne"),
    "da": ("Fra", "Sendt", "Til", "Emne"),
    "ja": ("差出人", "送信日時", "宛先", "件名"),
}


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_an_attribution_ends_the_new_words(attribution: str) -> None:
    assert new_text(f"Yes, gladly.\n\n{attribution}\n> Hello\n> there\n").new == "Yes, gladly."
    assert new_text(f"Yes, gladly.\n\n{attribution}\n\nHello\nthere\n").new == "Yes, gladly."


@pytest.mark.parametrize("attribution", [one for one in ATTRIBUTIONS if "<" in one and one.index("<") > 20])
def test_an_attribution_broken_over_two_lines_is_seen(attribution: str) -> None:
    broken = attribution.replace(" <", "\n<", 1).replace(" (<", "\n(<", 1)
    assert new_text(f"Yes, gladly.\n\n{broken}\n> Hello\n").new == "Yes, gladly."


def test_an_address_broken_off_before_its_bracket_is_still_an_attribution() -> None:
    assert new_text("Yes.\n\nman. 13. mai 2024 kl. 16:05 skrev Alice <alice@example.com\n>:\n\n> Hei\n").new == "Yes."


@pytest.mark.parametrize("language", BLOCKS)
@pytest.mark.parametrize("bold", ["", "*"])
def test_outlooks_header_block_ends_the_new_words(language: str, bold: str) -> None:
    values = ("Alice <alice@example.com>", "13 May 2024 16:05", "Ben <ben@example.org>", "Pilot in June?")
    lines = [f"{bold}{name}:{bold} {value}" for name, value in zip(BLOCKS[language], values, strict=True)]
    assert new_text("Yes, gladly.\n\n" + "\n".join(lines) + "\n\nHello\n").new == "Yes, gladly."


@pytest.mark.parametrize(
    "mark",
    ["-----Original Message-----", "-----Ursprüngliche Nachricht-----", "-------- Message original --------",
     "---------- Forwarded message ---------", "-----Oorspronkelijk bericht-----", "----- 元のメッセージ -----",
     "-----Mensagem original-----", "-----Messaggio originale-----", "-----Oprindelig meddelelse-----",
     "##- Please type your reply above this line -##"],
)  # fmt: skip
def test_a_separator_ends_the_new_words(mark: str) -> None:
    assert new_text(f"Yes, gladly.\n\n{mark}\nwhatever follows\n").new == "Yes, gladly."


@pytest.mark.parametrize(
    "line",
    ["Sent from my iPhone", "Von meinem iPhone gesendet", "Envoyé de mon iPhone", "Enviado desde mi iPhone",
     "Enviado do meu iPhone", "Inviato da iPhone", "Verstuurd vanaf mijn iPhone", "Wysłane z iPhone'a",
     "Skickat från min iPhone", "Sendt fra min iPhone", "iPhoneから送信", "Get Outlook for Android",
     "Sent from Yahoo Mail on Android", "Sent with Proton Mail secure email."],
)  # fmt: skip
def test_a_phones_signature_stands_apart(line: str) -> None:
    parts = new_text(f"Yes, gladly.\n\n{line}\n")
    assert (parts.new, parts.signature) == ("Yes, gladly.", line)


@pytest.mark.parametrize(
    "closing",
    ["Best regards,", "Mit freundlichen Grüßen", "Cordialement,", "Un saludo,", "Atenciosamente,", "Cordiali saluti",
     "Met vriendelijke groet,", "Z poważaniem", "Med vänliga hälsningar", "Med venlig hilsen",
     "よろしくお願いいたします。"],
)  # fmt: skip
def test_a_closing_begins_the_signature(closing: str) -> None:
    parts = new_text(f"Yes, gladly.\n\n{closing}\nBen Carter\nHead of Purchasing\n")
    assert parts.new == "Yes, gladly."
    assert parts.signature.startswith(closing)


@pytest.mark.parametrize(
    "text",
    ["Thanks", "Best regards", "ok", "On Monday I told you: no.", "From: my heart, thank you.", "- one\n- two",
     "He wrote: come at 10.", "At 10:30 on 3.6. call Ben <ben@example.org>",
     "Agenda 2024, 10:30:\n- budget\n- pilot", "As I wrote\nit is fine.",
     "Date: to be agreed", "My points:\n\nFrom: Berlin\nTo: Paris"],
)  # fmt: skip
def test_a_persons_words_are_not_taken_for_marks(text: str) -> None:
    assert new_text(text).new == text


def test_answers_between_quoted_lines_are_kept() -> None:
    assert new_text("> one?\nyes\n> two?\nno\n").new == "yes\nno"


def test_only_quoted_text_has_no_new_words() -> None:
    assert new_text("> one\n> two\n").new == ""


@pytest.mark.parametrize(
    ("html", "new"),
    [
        ("<p>Yes.</p><blockquote type='cite'>Hello</blockquote>", "Yes."),
        ("Yes.<br>No.", "Yes.\nNo."),
        ("<div>a&nbsp;&lt;b&gt;</div>", "a <b>"),
        ("<style>p{}</style><script>x()</script><p>Yes.", "Yes."),
        ("<div>Yes.</div><div class='yahoo_quoted'><div>Hello</div></div>", "Yes."),
        ("<div>Yes.</div><div class='moz-cite-prefix'>Am 13.05.2024 um 16:05 schrieb Alice:</div>", "Yes."),
        ("<div>Yes.</div><div class='protonmail_quote'>On Monday, Alice wrote:<div>Hello</div></div>", "Yes."),
        (
            "<p>Yes.</p><p><b>From:</b> Alice<br><b>Sent:</b> Monday<br><b>To:</b> Ben<br><b>Subject:</b> x</p><p>h",
            "Yes.",
        ),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a\nb"),
        ("<!-- x <p>no</p> --><p>Yes.", "Yes."),
        ("<pre>a\n  b</pre>", "a\n  b"),
    ],
)
def test_html_alone_is_read(html: str, new: str) -> None:
    assert split_reply(html_to_lines(html)).new == new
