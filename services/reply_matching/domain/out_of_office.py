"""The words by which people's mail systems say that they are away, in the languages we read; words alone prove no
machine."""

from __future__ import annotations

import re
import unicodedata

_AUTOMATIC_SUBJECT = re.compile(
    r"(?:\[[^\]]{1,30}\]\s?)?[\[(【«*]?(?:automatic(?:ally generated)? (?:reply|response|answer)|"
    r"auto[- ]?(?:matic)?[- ]?(?:reply|response|respond|responder|"
    r"answer)\w*|autoreply|vacation (?:reply|response|message|notice|auto)|"
    r"out[- ]of[- ](?:the[- ])?office(?: auto-?reply| reply| notification|:|$)|"
    r"automatische (?:antwort|rückantwort|reactie|beantwoording)|abwesenheits(?:notiz|meldung|nachricht|assistent|"
    r"agent|information|benachrichtigung)|"
    r"réponse automatique|reponse automatique|notification d'absence|message d'absence|absence du bureau|"
    r"absent du bureau|"
    r"respuesta autom[aá]tica|contestaci[oó]n autom[aá]tica|fuera de (?:la )?oficina|"
    r"resposta autom[aá]tica|fora do escrit[oó]rio|aus[eê]ncia (?:tempor[aá]ria|do escrit[oó]rio)|"
    r"risposta automatica|"
    r"fuori (?:sede|ufficio)|"
    r"automatisch antwoord|afwezigheids\w*|odpowied[zź] automatyczna|automatyczna odpowied[zź]|autoodpowied[zź]|"
    r"nieobecno[sś][cć]|poza biurem|"
    r"autosvar|automatiskt svar|automatisk (?:svar|besked)|fr[aå]nvaro(?:meddelande|besked)?|frav[aæ]rs?(?:besked|"
    r"meddelelse|assistent)?:|"
    r"automaattinen vastaus|poissaoloviesti|automatick[aá] odpove[dď]|automatikus v[aá]lasz|автоматический ответ|"
    r"автоответ|otomatik yan[iı]t|"
    r"自動(?:応答|返信)|不在(?:通知|連絡|のお知らせ|応答)|自动(?:答复|回复)|自動回[覆复]|자동 ?(?:회신|응답))"
)
_AWAY = re.compile(
    r"out of (?:the )?office|(?:i'm|i am|i will be|i'll be|we are|we will be|is|am|be|currently|be) (?:currently |"
    r"now )?(?:away|out of|on (?:annual |maternity |paternity |"
    r"parental |sick |medical |study |compassionate |personal |extended )?(?:leave|vacation|holiday|sabbatical|pto)|"
    r"travell?ing|absent|unavailable|on a business "
    r"trip)|on (?:annual|maternity|paternity|parental|sick|medical) leave|away (?:until|from|on|till|for)|vacation|"
    r"annual leave|maternity leave|parental leave|"
    r"limited access to (?:my )?e-?mail|(?:return|back)(?:ing)? (?:to (?:the )?office|on|in (?:the )?office|to work)|"
    r"(?:on|upon|after) my return|when i(?:'m| am| get)? (?:return|back)|"
    r"office is closed|offices? (?:are|will be) closed|"
    r"abwesen|nicht (?:im (?:büro|haus|hause)|am arbeitsplatz|erreichbar|da\b)|im urlaub|urlaub|elternzeit|"
    r"mutterschutz|dienstreise|außer haus|wieder (?:da|erreichbar|im büro|zurück)|meiner rückkehr|"
    r"kehre .{0,20}zurück|"
    r"absen(?:t|ce)|(?:en|mes) (?:congés?|vacances|déplacement|arrêt)|congé|(?:de|mon) retour|revien(?:s|drai)|"
    r"hors du bureau|"
    r"fuera de (?:la )?oficina|de vacaciones|vacaciones|ausen(?:te|cia)|de baja|no (?:estaré|estoy) (?:disponible|"
    r"en la oficina)|de viaje|permiso (?:de )?(?:maternidad|paternidad)|mi (?:regreso|vuelta)|me reincorpor|"
    r"(?:volver|regresar)é|"
    r"fora do escrit[oó]rio|de f[eé]rias|f[eé]rias|aus[eê]ncia|licença (?:maternidade|paternidade|médica)|"
    r"meu regresso|regressarei|retornarei|voltarei|licença de |"
    r"fuori (?:sede|ufficio)|in ferie|mio ri(?:entro|torno)|tornerò|assente|assenza|in vacanza|maternità|rientr|"
    r"sono in trasferta|"
    r"afwezig|niet aanwezig|op vakantie|vakantie|met (?:verlof|zwangerschapsverlof)|ouderschapsverlof|"
    r"mijn (?:terugkeer|terugkomst)|"
    r"niet op kantoor|"
    r"nieobecn|na urlopie|urlop|poza biurem|zwolnieni|delegacj|nie ma mnie|po powrocie|wracam|wrócę|"
    r"fr[aå]nvar(?:o|ande)|p[aå] semester|semester(?:ledig)?|\bledig\b|tj[aä]nstledig|f[oö]r[aä]ldraledig|"
    r"inte p[aå] kontoret|"
    r"åter (?:på|i)|"
    r"frav[aæ]r|p[aå] ferie|ferie|(?:har|holder) fri\b|barsel|ikke p[aå] kontoret|ikke til stede|tilbage (?:på|"
    r"den|i|igen)|"
    r"不在|休暇|休み|出張|夏季休業|年末年始|育休|産休|休业|休假|外出|不在办公室|출장|휴가|부재|"
    # closed
    r"(?:we|office|shop|store|school|company|business|practice|clinic)s? (?:is|are|will be|remains?) (?:now )?closed|"
    r"reopen|(?:büro|praxis|geschäft|kanzlei|betrieb|wir) .{0,40}geschlossen|betriebs(?:ferien|ruhe)|"
    r"(?:bureaux?|agence|atelier|cabinet|magasin|nous) .{0,30}fermé|rouvri|"
    r"(?:oficinas?|tienda|encontramos|estamos|estaremos) .{0,20}cerrad|(?:escritório|estamos|estaremos|"
    r"loja) .{0,20}(?:"
    r"fechad|encerrad)|(?:uffic\w|siamo|saremo|azienda|negozio) .{0,20}chius|(?:kantoor|wij|we|"
    r"winkel) .{0,30}gesloten|"
    r"(?:biuro|firma|sklep|jesteśmy) .{0,30}(?:zamknięt|nieczynn)|(?:kontoret|vi) .{0,20}(?:stängt|lukket)|休業|休館|"
    # ill
    r"i(?:'m| am) (?:ill|sick|unwell)|erkrankt|krankgeschrieben|\bkrank\b|\bmalade|\benferm[oa]\b|\bdoente\b|"
    r"\bmalat[oa]\b|"
    r"\bziek(?:te)?\b|\bchor(?:y|a|uję)\b|\bsjuk\w?\b|\bsyg\b|病気|療養|"
    # at a course, a fair, under way
    r"at an? (?:conference|fair|trade show|training|workshop|course)|auf (?:schulung|fortbildung|geschäftsreise|"
    r"(?:einer )?(?:"
    r"messe|konferenz|tagung))|en (?:formation|séminaire|mission|voyage)|en (?:una )?(?:feria|formación|conferencia)|"
    r"em (?:viagem|formação|congresso|feira)|in (?:viaggio|formazione|congedo|fiera|missione)|"
    r"op (?:cursus|training|reis|zakenreis|(?:een )?beurs)|na (?:szkoleniu|konferencji|targach|wyjeździe)|w podróży|"
    r"på (?:kurs|kursus|utbildning|mässa|messe|konferens|konference|resa|rejse|tjänsteresa|tjenesterejse|orlov)|研修|"
    # back
    r"er (?:jeg )?(?:tilbage|retur)|är (?:jag )?tillbaka|catch up (?:with|on)|"
    r"в отпуске|отсутств|вне офиса|lomalla|poissa|szabadság|dovolen"
)


_GOES_ON = re.compile(
    r"\s?(?!(?:re|aw|fwd?|sv|antw|rv|odp|to your|from|von|vom|de|du|di|da|van|od|från|fra|für|sur|sobre)\b)"
    r"[a-z\u00c0-\u024f\u0400-\u04ff]"
)


def subject_is_automatic(subject: str) -> bool:
    """The subject opens with the words that a mail system puts before its own answer. People write of autoresponders
    and of tomorrow's absence too, and then go on in words."""
    text = _plain(subject[:200])
    found = _AUTOMATIC_SUBJECT.match(text)
    return found is not None and (found.group().endswith(":") or _GOES_ON.match(text, found.end()) is None)


def subject_is_out_of_office(subject: str) -> bool:
    """The subject speaks of absence, in whoever's words."""
    text = _plain(subject[:200])
    return _AWAY.search(text) is not None and not text.startswith(
        ("re:", "aw:", "sv:", "fw", "wg:", "antw", "odp", "rif", "r:")
    )


def away_words(text: str) -> str:
    """The first words that speak of absence; empty when there are none."""
    match = _AWAY.search(_plain(text[:4000]))
    return match.group() if match else ""


def _plain(text: str) -> str:
    text = " ".join(text.replace("’", "'").lower().split())
    return text if text.isascii() else unicodedata.normalize("NFKC", text)
