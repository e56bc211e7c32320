"""Which folder is which: by special use (RFC 6154) where the server tells, else by the names mail programs give it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from services.providers.imap.mailbox import Listed
from services.providers.types import Folder, FolderRole

_SENT_NAMES = (
    # English, in the ways that Outlook, Apple Mail, Thunderbird, Gmail and webmails spell it
    "Sent", "Sent Items", "Sent Mail", "Sent Messages", "Sent-Mail", "Sent-Items", "SentMail", "SentItems",
    "Gesendet", "Gesendete Objekte", "Gesendete Elemente", "Gesendete Nachrichten", "Gesendete E-Mails",
    "Gesendete Mails",
    "Envoyés", "Éléments envoyés", "Messages envoyés", "Courrier envoyé", "Objets envoyés", "Mails envoyés", "Envoyes",
    "Enviados", "Elementos enviados", "Mensajes enviados", "Correo enviado", "Correos enviados", "Enviado",
    "Itens enviados", "Itens Enviados", "Mensagens enviadas", "E-mails enviados", "Correio enviado", "Enviadas",
    "Elements enviats", "Enviats", "Bidalitakoak", "Bidalia",
    "Inviati", "Posta inviata", "Inviata", "Messaggi inviati", "Elementi inviati",
    "Verzonden", "Verzonden items", "Verzonden berichten", "Verzonden e-mail", "Verstuurd",
    "Sendt", "Sendte elementer", "Sendt post", "Sendte meldinger", "Sendte e-mails", "Sende elementer",
    "Skickat", "Skickade", "Skickade objekt", "Skickade meddelanden", "Skickat post",
    "Lähetetyt", "Lähetetyt viestit", "Lähetetyt kohteet", "Sendir hlutir",
    "Wysłane", "Elementy wysłane", "Wysłane wiadomości", "Wyslane",
    "Odeslaná pošta", "Odeslané", "Odeslané položky", "Odeslaná", "Odoslané", "Odoslaná pošta", "Odoslané položky",
    "Elküldött", "Elküldött elemek", "Elküldött üzenetek", "Elküldött levelek", "Elküldve",
    "Trimise", "Elemente trimise", "Mesaje trimise", "E-mail trimis",
    "Poslano", "Poslane stavke", "Poslana pošta", "Poslane poruke", "Poslato", "Poslane", "Poslani predmeti",
    "Изпратени", "Изпратена поща", "Послато", "Послате поруке",
    "Отправленные", "Отправленные письма", "Отправлено",
    "Надіслані", "Відправлені", "Надіслані листи", "Адпраўленыя",
    "Išsiųsta", "Išsiųsti", "Išsiųsti laiškai", "Nosūtītie", "Nosūtītās ziņas", "Saadetud", "Saadetud kirjad",
    "Απεσταλμένα", "Σταλμένα", "Απεσταλμένα μηνύματα",
    "Gönderilmiş", "Gönderilen", "Gönderilenler", "Gönderilmiş Öğeler", "Gönderilmiş Postalar",
    "נשלח", "פריטים שנשלחו", "דואר שנשלח", "הודעות שנשלחו",
    "المرسلة", "العناصر المرسلة", "البريد المرسل", "الرسائل المرسلة", "مرسل", "ارسال شده", "فرستاده شده",
    "已发送", "已发送邮件", "已发邮件", "已发送的邮件", "寄件備份", "已傳送", "已傳送郵件", "寄件匣備份", "寄件备份",
    "送信済み", "送信済みアイテム", "送信済みメール", "送信済メール", "送信済みメッセージ", "送信控え",
    "보낸편지함", "보낸 편지함", "보낸 메일함", "보낸메일함", "보낸 항목",
    "Đã gửi", "Thư đã gửi", "Mục đã gửi", "Terkirim", "Item Terkirim", "Pesan terkirim", "Dihantar", "Item Dihantar",
    "ส่งแล้ว", "รายการที่ถูกส่ง", "จดหมายที่ส่ง", "भेजे गए", "भेजी गई मेल", "প্রেরিত",
)  # fmt: skip
_JUNK_NAMES = (
    "Junk", "Spam", "Junk E-mail", "Junk Email", "Junk Mail", "Bulk Mail", "Bulk", "Junk-E-Mail", "Junk-Email",
    "Junkmail", "Spamverdacht", "Unerwünscht", "Unerwünschte Werbung", "Werbung",
    "Courrier indésirable", "Indésirables", "Pourriel", "Pourriels",
    "Correo no deseado", "Correo basura", "No deseado", "Correo electrónico no deseado", "Correu brossa",
    "Lixo eletrônico", "Lixo Eletrónico", "Lixo electrónico", "Correio eletrônico não solicitado",
    "Posta indesiderata", "Indesiderata", "Ongewenste e-mail", "Ongewenst", "Ongewenste mail",
    "Uønsket e-post", "Søppelpost", "Uønsket post", "Uønsket mail", "Uønsket", "Skräppost", "Roskaposti", "Ruslpóstur",
    "Wiadomości-śmieci", "Niechciane", "Wiadomości śmieci", "Nevyžádaná pošta", "Nevyžiadaná pošta", "Levélszemét",
    "Mesaje nedorite", "E-mail nedorit", "Neželjena pošta", "Neželena pošta", "Bezvrijedna pošta",
    "Nepageidaujami laiškai", "Mēstules", "Rämpspost", "Rämps",
    "Спам", "Нежелательная почта", "Небажана пошта", "Нежелана поща", "Непожељна пошта",
    "Ανεπιθύμητα", "Ανεπιθύμητη αλληλογραφία", "Önemsiz", "Önemsiz E-posta", "İstenmeyen", "Gereksiz",
    "דואר זבל", "זבל", "البريد غير الهام", "بريد غير هام", "هرزنامه",
    "垃圾邮件", "垃圾郵件", "垃圾信件匣", "迷惑メール", "スパム", "스팸", "스팸메일함", "스팸 메일함", "정크 메일",
    "Thư rác", "Email sampah", "E-mel Remeh", "อีเมลขยะ", "สแปม", "स्पैम",
)  # fmt: skip


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


# Earlier names win: a mailbox with both "Sent" and "Sent Messages" was set up by two programs, and the first is the
# server's own more often.
_RANKS = {
    role: {_plain(name): rank for rank, name in reversed(list(enumerate(known)))}
    for role, known in ((FolderRole.SENT, _SENT_NAMES), (FolderRole.JUNK, _JUNK_NAMES))
}
_USES = {FolderRole.SENT: "\\sent", FolderRole.JUNK: "\\junk", FolderRole.ALL: "\\all"}


def find(role: FolderRole, listed: Sequence[Listed]) -> Listed | None:
    """The folder for `role`, or None: none is ever made. Of several, the one that stands highest in the tree."""
    by_use = [folder for folder in listed if _USES[role] in folder.flags]
    if by_use:
        return by_use[0]
    ranks = _RANKS.get(role, {})
    named = [(ranks[leaf], depth, folder) for folder in listed for depth, leaf in [_leaf(folder)] if leaf in ranks]
    return min(named, key=lambda entry: (entry[1], entry[0]))[2] if named else None


def find_named(name: str, listed: Sequence[Listed]) -> Listed | None:
    """The folder that a setting names, as people see it or as it is on the wire."""
    exact = [folder for folder in listed if name in (folder.name, folder.id)]
    wanted = _plain(name)
    return next(iter(exact or [folder for folder in listed if _plain(folder.name) == wanted]), None)


def find_sent(listed: Sequence[Listed], chosen: str | None) -> Listed | None:
    """The folder that was chosen or learnt before, if it is still there; else the server's, else by its name."""
    return (find_named(chosen, listed) if chosen else None) or find(FolderRole.SENT, listed)


def to_read(listed: Sequence[Listed], extra: Sequence[str]) -> tuple[Folder, ...]:
    """INBOX, Junk and those that settings name. One that is not there is left out: it may come back."""
    inbox = find_named("INBOX", listed)
    # RFC 3501: INBOX always exists, in whatever case, though not every server lists it.
    chosen = {inbox.id if inbox else "INBOX": Folder(inbox.id if inbox else "INBOX", "INBOX", FolderRole.INBOX)}
    if junk := find(FolderRole.JUNK, listed):
        chosen.setdefault(junk.id, Folder(junk.id, junk.name, FolderRole.JUNK))
    for name in extra:
        if found := find_named(name, listed):
            chosen.setdefault(found.id, Folder(found.id, found.name, _role(found, listed)))
    return tuple(chosen.values())


def _role(folder: Listed, listed: Sequence[Listed]) -> FolderRole:
    if "\\all" in folder.flags:
        return FolderRole.ALL
    sent = find(FolderRole.SENT, listed)
    return FolderRole.SENT if sent is not None and sent.id == folder.id else FolderRole.OTHER


def _leaf(folder: Listed) -> tuple[int, str]:
    """How deep the folder lies, and its own name. What lies directly in INBOX counts as lying at the top: Courier and
    many hosters put every folder there."""
    path = folder.name.split(folder.delimiter) if folder.delimiter else [folder.name]
    if len(path) > 1 and path[0].upper() == "INBOX":
        path = path[1:]
    return len(path), _plain(path[-1])
