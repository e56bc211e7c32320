"""An OAuth app registered with a provider: the deployment's own, or one that a team brought. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from services.auth.domain.refusals import Invalid
from services.runtime.envelopes import Owner

LONGEST_CLIENT_ID = 256
LONGEST_CLIENT_SECRET = 1024
_TENANT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")


class Provider(StrEnum):
    """Who signs people in; also the name in the callback's address."""

    GOOGLE = "google"
    MICROSOFT = "microsoft"


PROVIDER_OF = {"gmail": Provider.GOOGLE, "microsoft365": Provider.MICROSOFT}
"""By e-mail client."""
CLIENT_OF = {provider: client for client, provider in PROVIDER_OF.items()}
GOOGLE_ISSUER = "https://accounts.google.com"
MICROSOFT_AUTHORITY = "https://login.microsoftonline.com"
MICROSOFT_GRAPH = "https://graph.microsoft.com"
TITLES = {Provider.GOOGLE: "Google", Provider.MICROSOFT: "Microsoft"}


@dataclass(frozen=True, slots=True)
class OAuthApp:
    provider: Provider
    client_id: str
    client_secret: str = field(repr=False)
    tenant: str = ""
    """Microsoft's, where the app is registered for people of one organisation alone."""
    of_team: bool = False
    """Brought by the team itself; else the deployment's."""


def app_owner(team_id: str, provider: Provider) -> Owner:
    """Whose box a team's client secret is in."""
    return Owner(team_id, f"oauth app {provider.value}")


def read_app(provider: str, client_id: str, client_secret: str, tenant: str = "") -> OAuthApp:
    """A team's own app as typed in. Raises `Invalid`; no text quotes the secret."""
    known = read_provider(provider)
    tenant = tenant.strip().lower()
    if tenant and (known is not Provider.MICROSOFT or not _TENANT.match(tenant)):
        raise Invalid(
            "tenant",
            "This is no tenant of Microsoft Entra.",
            "Give the directory (tenant) id or a domain of it, or nothing where any organisation may sign in.",
        )
    title = TITLES[known]
    for name, value, longest in (
        ("client_id", client_id, LONGEST_CLIENT_ID),
        ("client_secret", client_secret, LONGEST_CLIENT_SECRET),
    ):
        text = value.strip()
        if not text or len(text) > longest or not text.isascii() or not text.isprintable() or " " in text:
            what = "client id" if name == "client_id" else "client secret"
            raise Invalid(name, f"This is no {what} of a {title} app.", f"Copy the {what} from {title}'s own page.")
    return OAuthApp(known, client_id.strip(), client_secret.strip(), tenant, of_team=True)


def read_provider(name: str) -> Provider:
    """Raises `Invalid`."""
    try:
        return Provider(name)
    except ValueError:
        raise Invalid(
            "provider", f"Nobody signs in with {name!r} here.", f"Choose from: {', '.join(Provider)}."
        ) from None
