"""What Microsoft Entra knows, for its double: tenants, people, apps, consents, and every token it ever gave."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import RSAKey

PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
ANYBODY = "b79fbf4d-3ef9-4689-8143-76b194e85509"
"""The role that every member has."""


class Refused(Exception):
    """As the token endpoint says it."""

    def __init__(self, error: str, code: int, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.status = status
        self.body = {
            "error": error,
            "error_description": f"AADSTS{code}: {words} Trace ID: 0 Correlation ID: 0 Timestamp: 2026-01-01 00:00:00Z",
            "error_codes": [code],
        }


@dataclass
class Person:
    upn: str
    mail: str | None
    admin: bool = False
    aliases: tuple[str, ...] = ()
    has_mailbox: bool = True
    other_roles: tuple[str, ...] = ()
    object_id: str = field(default_factory=lambda: str(uuid4()))
    consented: dict[str, set[str]] = field(default_factory=dict)
    """Scopes by app, for this person alone."""

    @property
    def roles(self) -> tuple[str, ...]:
        return (*((GLOBAL_ADMINISTRATOR,) if self.admin else ()), *self.other_roles)


@dataclass
class Tenant:
    domain: str
    tenant_id: str = field(default_factory=lambda: str(uuid4()))
    people_may_consent: bool = True
    people: dict[str, Person] = field(default_factory=dict)
    consented: dict[str, set[str]] = field(default_factory=dict)
    """Scopes by app, for everybody."""


@dataclass
class App:
    client_id: str
    client_secret: str
    redirect_uris: list[str]
    tells_roles: bool = False
    """Its registration's `groupMembershipClaims` is `DirectoryRole`; by itself a token tells none."""


@dataclass
class Grant:
    """One sign-in and all the refresh tokens that came of it."""

    app: str
    tenant: Tenant
    person: Person
    scopes: list[str]
    ended: bool = False


@dataclass
class Directory:
    issuer: str = ""
    tenants: dict[str, Tenant] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    codes: dict[str, tuple[Grant, dict[str, str]]] = field(default_factory=dict)
    refresh_tokens: dict[str, tuple[Grant, bool]] = field(default_factory=dict)
    """The grant, and whether the token was used already."""
    access_tokens: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "double", "use": "sig"}))

    def forget(self, but: str) -> None:
        """All but one app."""
        self.apps = {but: self.apps[but]}
        for known in (self.tenants, self.codes, self.refresh_tokens, self.access_tokens):
            known.clear()

    def tenant(self, domain: str, *, people_may_consent: bool = True, personal: bool = False) -> Tenant:
        tenant = Tenant(domain, people_may_consent=people_may_consent)
        if personal:
            tenant.tenant_id = PERSONAL_TENANT
        self.tenants[tenant.tenant_id] = tenant
        return tenant

    def person(self, upn: str, *, mail: str | None = None, admin: bool = False, **more: Any) -> Person:
        """In the tenant of its domain, which is made where it is new."""
        domain = upn.partition("@")[2]
        tenant = self.of_domain(domain) or self.tenant(domain)
        person = Person(upn, upn if mail is None else mail, admin, **more)
        tenant.people[upn.lower()] = person
        return person

    def of_domain(self, domain: str) -> Tenant | None:
        return next((tenant for tenant in self.tenants.values() if tenant.domain == domain), None)

    def find(self, upn: str) -> tuple[Tenant, Person]:
        tenant = self.of_domain(upn.partition("@")[2])
        if tenant is None or upn.lower() not in tenant.people:
            raise Refused("invalid_grant", 50034, "The user account does not exist in the directory.")
        return tenant, tenant.people[upn.lower()]

    def app_of(self, client_id: str, secret: str | None = None) -> App:
        app = self.apps.get(client_id)
        if app is None:
            raise Refused("unauthorized_client", 700016, f"Application {client_id!r} was not found in the directory.")
        if secret is not None and secret != app.client_secret:
            raise Refused("invalid_client", 7000215, "Invalid client secret provided.", 401)
        return app

    def consented(self, app: str, tenant: Tenant, person: Person, scopes: list[str]) -> bool:
        wanted = {scope for scope in scopes if "/" in scope}
        return wanted <= tenant.consented.get(app, set()) | person.consented.get(app, set())

    def code(self, grant: Grant, asked: dict[str, str]) -> str:
        code = secrets.token_urlsafe(32)
        self.codes[code] = (grant, asked)
        return code

    def redeem(self, app: App, form: dict[str, str]) -> tuple[Grant, dict[str, str]]:
        grant, asked = self.codes.pop(form.get("code", ""), (None, {}))
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).decode().rstrip("=")
        if grant is None or grant.app != app.client_id:
            raise Refused("invalid_grant", 70008, "The authorization code has expired.")
        if asked.get("code_challenge") != challenge or asked.get("redirect_uri") != form.get("redirect_uri"):
            raise Refused("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
        return grant, asked

    def use(self, app: App, text: str, *, rotate: bool, detect_reuse: bool) -> Grant:
        grant, used = self.refresh_tokens.get(text, (None, False))
        if grant is None or grant.app != app.client_id:
            raise Refused("invalid_grant", 700082, "The refresh token has expired due to inactivity.")
        if used and detect_reuse:
            grant.ended = True
        if grant.ended:
            raise Refused("invalid_grant", 50173, "The provided grant has been revoked.")
        self.refresh_tokens[text] = (grant, rotate)
        return grant

    def tokens(self, grant: Grant, nonce: str | None, seconds: int) -> dict[str, Any]:
        access, refresh, now = secrets.token_urlsafe(32), secrets.token_urlsafe(48), int(time.time())
        self.access_tokens[access] = (grant, now + seconds)
        self.refresh_tokens[refresh] = (grant, False)
        tenant, person = grant.tenant, grant.person
        claims = {
            "iss": f"{self.issuer}/{tenant.tenant_id}/v2.0", "aud": grant.app, "tid": tenant.tenant_id,
            "oid": person.object_id, "sub": f"pairwise-{person.object_id}", "preferred_username": person.upn,
            "name": person.upn, "iat": now, "nbf": now, "exp": now + 3600, "ver": "2.0",
            **({"nonce": nonce} if nonce else {}),
            **({"wids": [*person.roles, ANYBODY]} if self.apps[grant.app].tells_roles else {}),
        }  # fmt: skip
        client_info = base64.urlsafe_b64encode(
            f'{{"uid":"{person.object_id}","utid":"{tenant.tenant_id}"}}'.encode()
        ).decode()
        return {
            "token_type": "Bearer",
            "scope": " ".join(scope for scope in grant.scopes if scope != "offline_access"),
            "expires_in": seconds,
            "access_token": access,
            "refresh_token": refresh,
            "id_token": jwt.encode({"alg": "RS256", "kid": "double"}, claims, self.key),
            "client_info": client_info.rstrip("="),
        }

    def bearer(self, header: str) -> Grant | None:
        grant, until = self.access_tokens.get(header.removeprefix("Bearer "), (None, 0.0))
        return None if grant is None or grant.ended or until < time.time() else grant

    def end_grants(self, upn: str) -> int:
        """The person, or their administrator, took every sign-in back."""
        found = {id(grant): grant for grant, _ in self.refresh_tokens.values() if grant.person.upn == upn}
        for grant in found.values():
            grant.ended = True
        return len(found)
