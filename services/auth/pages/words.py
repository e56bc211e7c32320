"""What the pages call things: each e-mail client, each state, each change, in words for people. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientWords:
    title: str
    who: str
    """Whose mailboxes it is for."""
    way: str
    """How it is connected, and what is kept."""
    action: str
    for_admins: str
    """What offering it means."""


CLIENTS: dict[str, ClientWords] = {
    "gmail": ClientWords(
        "Gmail",
        "Google Workspace and gmail.com",
        "You sign in with Google. We never see your password.",
        "Continue with Google",
        "People sign in with Google. Only a token is kept, sealed.",
    ),
    "microsoft365": ClientWords(
        "Microsoft 365",
        "Outlook and Exchange Online",
        "You sign in with Microsoft. We never see your password.",
        "Continue with Microsoft",
        "People sign in with Microsoft. Only a token is kept, sealed.",
    ),
    "smtp_imap": ClientWords(
        "SMTP / IMAP server",
        "Any other mail provider",
        "You enter your servers and password. Both are tried before anything is saved.",
        "Enter your servers",
        "People enter their servers and password, which is kept sealed and never shown again.",
    ),
    "ews": ClientWords(
        "Microsoft Exchange (EWS)",
        "Exchange servers that a company runs itself",
        "You enter your Exchange login. It is tried before anything is saved, and kept sealed.",
        "Enter your login",
        "For Exchange servers that you run yourselves. People enter their login, which the sync engine keeps sealed. "
        "Exchange Online does not take part any more.",
    ),
    "external": ClientWords(
        "External e-mail client",
        "Mail that your own software sends",
        "No mailbox is connected: your team's own software sends and reports back.",
        "Add an address",
        "Your own software takes each message over the API, sends it, and reports what became of it.",
    ),
}


def client(name: str) -> ClientWords:
    return CLIENTS.get(name) or ClientWords(name, "", "", "Connect", "")


SECURITY = {"tls": "TLS from the start", "starttls": "STARTTLS", "plain": "None (sandbox only)"}

ACTIONS = {
    "settings.offered_changed": "changed which clients are offered",
    "settings.consent_rule_changed": "changed whether admin consent is required",
    "settings.policy_changed": "changed a client's policy",
    "settings.client_allowed": "switched a client on for this team",
    "settings.client_disallowed": "switched a client off for this team",
    "oauth_app.set": "registered the team's own app",
    "oauth_app.removed": "removed the team's own app",
    "admin_consent.answered": "came back from Microsoft's consent page",
    "admin_consent.granted": "proved Microsoft's admin consent",
    "admin_consent.declined": "was told that Microsoft's admin consent was declined",
    "api_key.created": "created an API key",
    "api_key.rotated": "rotated an API key",
    "api_key.deleted": "deleted an API key",
    "external.delivery_chosen": "chose how messages are handed to your own software",
    "external.test_started": "started a test message for your own software",
}
"""What the audit log's actions are called; others are shown by their own name."""


def action(name: str) -> str:
    return ACTIONS.get(name) or name.replace(".", ": ").replace("_", " ")


def actor(name: str) -> str:
    kind, _, who = name.partition(":")
    return {"person": who, "key": f"API key {who}", "operator": "The operator", "provider": "The provider"}.get(
        kind, name
    )


DELIVERIES = {
    "http": ("Over HTTP", "Your software asks for messages over the API and waits until there is one."),
    "nats": ("Over NATS", "Your software takes messages by requests on your team's own subjects of the bus."),
}
