"""How auth's records look in MongoDB, there and back."""

from __future__ import annotations

from services.auth.domain.account import Account, Rejection, State
from services.auth.domain.api_key import ApiKey
from services.auth.domain.audit import Action, AuditRecord
from services.runtime.envelopes import SealedBox
from services.runtime.mongo import Document


def account_fields(account: Account) -> Document:
    """All but the id; `box` is absent where there is none, so that its index holds live boxes alone."""
    fields: Document = {
        "team_id": account.team_id,
        "mailbox_key": account.mailbox_key,
        "client": account.client,
        "address": account.address,
        "display_name": account.display_name,
        "settings": dict(account.settings),
        "abilities": list(account.abilities),
        "state": account.state.value,
        "revision": account.revision,
        "announced": account.announced,
        "rejection": _rejection_fields(account.rejection),
        "created_at": account.created_at,
        "changed_at": account.changed_at,
        "people": list(account.people),
    }
    if account.box is not None:
        fields["box"] = box_fields(account.box)
    return fields


def read_account(document: Document) -> Account:
    box, rejection = document.get("box"), document["rejection"]
    return Account(
        account_id=document["_id"],
        team_id=document["team_id"],
        client=document["client"],
        address=document["address"],
        display_name=document["display_name"],
        settings=document["settings"],
        abilities=tuple(document["abilities"]),
        state=State(document["state"]),
        revision=document["revision"],
        box=None if box is None else read_box(box),
        rejection=None if rejection is None else Rejection(**rejection),
        created_at=document["created_at"],
        changed_at=document["changed_at"],
        announced=document["announced"] if "announced" in document else document["revision"],
        people=tuple(document.get("people", ())),  # absent in what an earlier release wrote
    )


def box_fields(box: SealedBox) -> Document:
    return {"key_id": box.key_id, "wrapped_key": box.wrapped_key, "sealed": box.sealed}


def read_box(fields: Document) -> SealedBox:
    return SealedBox(fields["key_id"], bytes(fields["wrapped_key"]), bytes(fields["sealed"]))


def _rejection_fields(rejection: Rejection | None) -> Document | None:
    if rejection is None:
        return None
    return {
        "reason": rejection.reason,
        "code": rejection.code,
        "words": rejection.words,
        "remedy": rejection.remedy,
        "at": rejection.at,
    }


def api_key_document(key: ApiKey) -> Document:
    return {
        "_id": key.key_id,
        "team_id": key.team_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "key_hash": key.key_hash,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "successor": key.successor,
    }


def read_api_key(document: Document) -> ApiKey:
    facts = {name: value for name, value in document.items() if name not in ("_id", "scopes")}
    return ApiKey(key_id=document["_id"], scopes=tuple(document["scopes"]), **facts)


def audit_document(audit: AuditRecord) -> Document:
    return {
        "_id": audit.record_id,
        "team_id": audit.team_id,
        "at": audit.at,
        "actor": audit.actor,
        "action": audit.action.value,
        "subject": audit.subject,
        "details": dict(audit.details),
    }


def read_audit(document: Document) -> AuditRecord:
    return AuditRecord(
        record_id=document["_id"],
        team_id=document["team_id"],
        at=document["at"],
        actor=document["actor"],
        action=Action(document["action"]),
        subject=document["subject"],
        details=document["details"],
    )
