"""Out of office, in the languages we read: the words, the subjects, and the date on which somebody is back."""

from __future__ import annotations

from datetime import date

import pytest

from services.reply_matching.domain.out_of_office import away_words, subject_is_automatic
from services.reply_matching.domain.return_date import return_date

RECEIVED = date(2024, 5, 14)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I am out of the office until May 27.", "2024-05-27"),
        ("I'm away from 13 May to 24 May and back on 27 May 2024.", "2024-05-27"),
        ("I will return on Monday, June 3rd, 2024.", "2024-06-03"),
        ("Out of office 20th May - 31st May, returning 3rd June", "2024-06-03"),
        ("I am on leave through Friday, 24 May 2024", "2024-05-24"),
        ("On vacation till 2024-06-10.", "2024-06-10"),
        ("I will be back in the office on 05/28/2024.", "2024-05-28"),
        ("Back on the 3rd of June.", "2024-06-03"),
        ("I'm back on Jan 7", "2025-01-07"),
        ("Ich bin bis zum 24.05.2024 nicht im Büro.", "2024-05-24"),
        ("Ich bin ab dem 27. Mai wieder für Sie da.", "2024-05-27"),
        ("Vom 13.5. bis 24.5. bin ich im Urlaub.", "2024-05-24"),
        ("Am 3. Juni 2024 bin ich zurück.", "2024-06-03"),
        ("Je suis absente jusqu'au 24 mai inclus.", "2024-05-24"),
        ("Absent du 13/05/2024 au 24/05/2024.", "2024-05-24"),
        ("Je serai de retour le 1er juin.", "2024-06-01"),
        ("Estaré fuera de la oficina del 13 al 24 de mayo.", "2024-05-24"),
        ("Me reincorporo el lunes 27 de mayo de 2024.", "2024-05-27"),
        ("Estou de férias até 31/05/2024.", "2024-05-31"),
        ("Regresso no dia 3 de junho.", "2024-06-03"),
        ("Sono in ferie fino al 24 maggio.", "2024-05-24"),
        ("Rientrerò in ufficio lunedì 27 maggio 2024.", "2024-05-27"),
        ("Ik ben afwezig tot en met vrijdag 24 mei.", "2024-05-24"),
        ("Vanaf 27-05-2024 ben ik weer terug.", "2024-05-27"),
        ("Jestem na urlopie do 24.05.2024.", "2024-05-24"),
        ("Wracam do biura 27 maja.", "2024-05-27"),
        ("Nieobecny w dniach 13.05-24.05.2024.", "2024-05-24"),
        ("Urlaub 13.5.-24.5.", "2024-05-24"),
        ("Estaré fuera hasta el miércoles 22 de mayo.", "2024-05-22"),
        ("Jag är ledig t.o.m. den 24 maj.", "2024-05-24"),
        ("Jag är åter på kontoret 27 maj 2024.", "2024-05-27"),
        ("Jeg er på ferie til og med d. 24. maj.", "2024-05-24"),
        ("Jeg er tilbage mandag den 27. maj.", "2024-05-27"),
        ("5月24日まで不在にしております。", "2024-05-24"),
        ("2024年5月27日（月）より出社いたします。", "2024-05-27"),
    ],
)
def test_the_day_of_return_is_read(text: str, day: str) -> None:
    found = return_date(text, RECEIVED)
    assert found is not None
    assert found.isoformat() == day


@pytest.mark.parametrize(
    "text",
    [
        "I am out of the office.",
        "I am away from 20 May.",
        "Call +1 555 0100 or 030-123 456.",
        "Back on 03/04/2024 or 04/03.",
        "Until 31 February.",
        "We moved here on 12 May 1999 and came back.",
        "until 99.99.2024",
        "5月99日まで",
        "Version 1.2.2024-rc3",
    ],
)
def test_no_day_is_made_up(text: str) -> None:
    assert return_date(text, RECEIVED) is None


@pytest.mark.parametrize(
    "text",
    ["I am currently out of the office", "Ich bin derzeit nicht im Büro", "Je suis en congé", "Estoy de vacaciones",
     "Estou de férias", "Sono fuori sede", "Ik ben op vakantie", "Jestem na urlopie", "Jag är på semester",
     "Jeg holder ferie", "Our shop is closed this week", "Unser Büro ist geschlossen", "Nos bureaux sont fermés",
     "Estamos cerrados", "Estamos fechados", "I nostri uffici sono chiusi", "Ons kantoor is gesloten",
     "Nasze biuro jest zamknięte", "Kontoret är stängt", "Kontoret er lukket", "本日は休業です",
     "Ich bin auf Schulung", "Je suis en formation", "Jestem na szkoleniu", "Ik ben ziek", "Jeg er på kursus",
     "休暇をいただいております", "I’m on parental leave", "Je suis absente du bureau"],
)  # fmt: skip
def test_words_of_absence_are_known(text: str) -> None:
    assert away_words(text)


@pytest.mark.parametrize(
    "text",
    ["Your ticket was closed.", "Ihr Ticket wurde geschlossen.", "Su caso se ha cerrado.", "Votre demande est fermée.",
     "Thank you for your order; it is sent on 20 May.", "We treat sick animals."],
)  # fmt: skip
def test_what_is_closed_or_sick_need_not_be_the_sender(text: str) -> None:
    assert not away_words(text)


@pytest.mark.parametrize(
    "subject",
    ["Automatic reply: Offer", "Out of Office: Offer", "Out of office", "Abwesenheitsnotiz: Angebot", "Auto-Reply: x",
     "Automatische Antwort: Angebot", "Réponse automatique : Offre", "Respuesta automática: Oferta", "Autosvar: Tilbud",
     "Resposta automática: Oferta", "Risposta automatica: Offerta", "Automatisch antwoord: Offerte", "自動返信: 見積",
     "Odpowiedź automatyczna: Oferta", "Automatiskt svar: Offert", "Automatisk svar: Tilbud",
     "[EXT] Automatic reply: x"],
)  # fmt: skip
def test_a_machines_subject_is_known(subject: str) -> None:
    assert subject_is_automatic(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "Re: Automatic reply: Offer",
        "AW: Abwesenheitsnotiz",
        "Automatic doors: offer",
        "Auto: Kauf",
        "Autoresponder integration",
        "Auto-reply feature: a question",
        "Fuori ufficio domani?",
    ],
)
def test_a_persons_subject_is_not_taken_for_a_machines(subject: str) -> None:
    assert not subject_is_automatic(subject)
