"""Mail providers that many people have, with the servers their own help pages name. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    security: str
    """tls or starttls."""


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    domains: frozenset[str] = frozenset()
    """Of their own mailboxes."""
    mx: tuple[str, ...] = ()
    """What the hosts end with that take in mail for their customers' domains."""
    imap: Server | None = None
    smtp: Server | None = None
    better: str = ""
    """The e-mail client that serves these mailboxes better than SMTP and IMAP."""
    hint: str = ""


def _tls(name: str, imap: str, smtp: str, domains: str = "", mx: str = "", hint: str = "", port: int = 465) -> Provider:
    security = "tls" if port == 465 else "starttls"
    servers = Server(imap, 993, "tls"), Server(smtp, port, security)
    return Provider(name, frozenset(domains.split()), tuple(mx.split()), *servers, hint=hint)


_APP_LOGIN = "It wants an app password, made in the account's security settings, instead of the usual one."
_SWITCHED_OFF = "IMAP must be switched on in the mailbox's own settings first."

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        "Google",
        frozenset({"gmail.com", "googlemail.com"}),
        ("google.com", "googlemail.com"),
        Server("imap.gmail.com", 993, "tls"),
        Server("smtp.gmail.com", 465, "tls"),
        better="gmail",
    ),
    Provider(
        "Microsoft",
        frozenset({"outlook.com", "hotmail.com", "live.com", "msn.com"}),
        ("mail.protection.outlook.com", "olc.protection.outlook.com", "mx.microsoft"),
        Server("outlook.office365.com", 993, "tls"),
        Server("smtp.office365.com", 587, "starttls"),
        better="microsoft365",
    ),
    _tls("Yahoo", "imap.mail.yahoo.com", "smtp.mail.yahoo.com", "yahoo.com ymail.com", "yahoodns.net", _APP_LOGIN),
    _tls("AOL", "imap.aol.com", "smtp.aol.com", "aol.com", "", _APP_LOGIN),
    _tls("iCloud", "imap.mail.me.com", "smtp.mail.me.com", "icloud.com me.com mac.com", "mail.icloud.com",
         _APP_LOGIN, port=587),
    _tls("Fastmail", "imap.fastmail.com", "smtp.fastmail.com", "fastmail.com fastmail.fm", "messagingengine.com",
         _APP_LOGIN),
    _tls("Zoho", "imappro.zoho.com", "smtppro.zoho.com", "", "zoho.com", _SWITCHED_OFF),
    _tls("GMX", "imap.gmx.net", "mail.gmx.net", "gmx.de gmx.net gmx.at gmx.ch", "gmx.net", _SWITCHED_OFF),
    _tls("GMX", "imap.gmx.com", "mail.gmx.com", "gmx.com", "", _SWITCHED_OFF),
    _tls("WEB.DE", "imap.web.de", "smtp.web.de", "web.de", "", _SWITCHED_OFF),
    _tls("mail.com", "imap.mail.com", "smtp.mail.com", "mail.com", "", _SWITCHED_OFF),
    _tls("Telekom", "secureimap.t-online.de", "securesmtp.t-online.de", "t-online.de magenta.de", "",
         "It wants the e-mail password, which is set apart from the login's."),
    _tls("IONOS", "imap.ionos.com", "smtp.ionos.com", "", "ionos.com ionos.de ionos.co.uk kundenserver.de"),
    _tls("STRATO", "imap.strato.de", "smtp.strato.de", "", "rzone.de"),
    _tls("OVHcloud", "ssl0.ovh.net", "ssl0.ovh.net", "", "mail.ovh.net ovh.net"),
    _tls("Gandi", "mail.gandi.net", "mail.gandi.net", "", "mail.gandi.net"),
    _tls("Infomaniak", "mail.infomaniak.com", "mail.infomaniak.com", "ik.me", "infomaniak.ch infomaniak.com"),
    _tls("Hostinger", "imap.hostinger.com", "smtp.hostinger.com", "", "hostinger.com"),
    _tls("Namecheap", "mail.privateemail.com", "mail.privateemail.com", "", "privateemail.com"),
    _tls("Rackspace", "secure.emailsrvr.com", "secure.emailsrvr.com", "", "emailsrvr.com"),
    _tls("Migadu", "imap.migadu.com", "smtp.migadu.com", "", "migadu.com"),
    _tls("mailbox.org", "imap.mailbox.org", "smtp.mailbox.org", "mailbox.org", "mailbox.org"),
    _tls("Posteo", "posteo.de", "posteo.de", "posteo.de posteo.net", "posteo.de"),
    _tls("Yandex", "imap.yandex.com", "smtp.yandex.com", "yandex.com yandex.ru", "yandex.net yandex.ru", _APP_LOGIN),
)  # fmt: skip
