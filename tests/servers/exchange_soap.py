"""The mailboxes of the Exchange double and what EWS says of them: requests and answers checked by Microsoft's schemas
where those lie beside the project, and always by what a request must hold to be carried out."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from lxml import etree

ORACLE = Path(__file__).parents[3] / "shared" / "oracles" / "ews" / "messages.xsd"
S = "http://schemas.xmlsoap.org/soap/envelope/"
M = "http://schemas.microsoft.com/exchange/services/2006/messages"
T = "http://schemas.microsoft.com/exchange/services/2006/types"
E = "http://schemas.microsoft.com/exchange/services/2006/errors"
_NS = {"s": S, "m": M, "t": T}
_VERSIONS = ("Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2", "Exchange2013",
             "Exchange2013_SP1", "Exchange2015", "Exchange2016")  # fmt: skip
_FOLDERS = ("inbox", "sentitems", "drafts")


@dataclass
class Item:
    item_id: str
    subject: str
    properties: dict[str, str]


@dataclass
class Mailbox:
    address: str
    password: str
    domain: str = "CORP"
    aliases: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    """Addresses of colleagues who may look into it."""
    guid: str = field(default_factory=lambda: uuid4().hex)
    folders: dict[str, list[Item]] = field(default_factory=lambda: {name: [] for name in _FOLDERS})

    @property
    def account(self) -> str:
        return self.address.partition("@")[0]

    def folder_id(self, name: str) -> str:
        """The same however it is asked for."""
        return base64.b64encode(f"{self.guid}/{name}".encode()).decode()

    def goes_by(self, address: str) -> bool:
        return address.casefold() in {each.casefold() for each in (self.address, *self.aliases)}


class Refused(Exception):
    def __init__(self, code: str, words: str) -> None:
        super().__init__(code)
        self.code = code
        self.words = words


@cache
def schema() -> etree.XMLSchema | None:
    """Microsoft's own, or None where it does not lie beside the project."""
    return etree.XMLSchema(etree.parse(ORACLE)) if ORACLE.exists() else None


@dataclass
class Soap:
    """`faults`: by operation, the ResponseCode it is answered with. `newest`: the newest schema version it speaks."""

    mailboxes: list[Mailbox] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    busy_milliseconds: int | None = None
    newest: str = "Exchange2016"
    asked: list[str] = field(default_factory=list)
    """Operations, in their order."""
    drafts_seen: int = 0
    invalid: list[str] = field(default_factory=list)
    """What did not stand up to the schemas; a test's end looks here."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def answer(self, body: bytes, login: Mailbox) -> tuple[int, bytes]:
        """HTTP status and envelope."""
        try:
            envelope = etree.fromstring(body, etree.XMLParser(resolve_entities=False))
        except etree.XMLSyntaxError as wrong:
            return 500, _fault("ErrorSchemaValidation", f"The request failed schema validation: {wrong}")
        [request] = envelope.find("s:Body", _NS)
        operation = etree.QName(request).localname
        self.asked.append(operation)
        self._check("request", envelope, request)
        version = envelope.find("s:Header/t:RequestServerVersion", _NS)
        if version is not None and _age(version.get("Version")) > _age(self.newest):
            return 500, _fault("ErrorInvalidServerVersion", "The specified server version is invalid.")
        if self.busy_milliseconds is not None:
            return 500, _fault(
                "ErrorServerBusy",
                "The server cannot service this request right now. Try again later.",
                f'<t:MessageXml xmlns:t="{T}"><t:Value Name="BackOffMilliseconds">{self.busy_milliseconds}</t:Value>'
                "</t:MessageXml>",
            )
        carry_out: Callable[[Any, Mailbox], str] = {
            "GetFolder": self._get_folder, "CreateItem": self._create_item, "DeleteItem": self._delete_item,
        }[operation]  # fmt: skip
        try:
            if operation in self.faults:
                raise Refused(self.faults[operation], f"Told to refuse {operation}.")
            inner = _success(operation, carry_out(request, login))
        except Refused as refused:
            inner = _error(operation, refused)
        answered = self._envelope(inner)
        self._check("answer", answered, answered.find("s:Body", _NS)[0])
        return 200, etree.tostring(answered, xml_declaration=True, encoding="utf-8")

    def _check(self, what: str, envelope: Any, element: Any) -> None:
        known = schema()
        if known is None:
            return
        header = envelope.find("s:Header", _NS)
        for part in [*([] if header is None else header), element]:
            if not known.validate(part):
                self.invalid.append(f"{what}: {known.error_log.last_error}")

    def _envelope(self, inner: str) -> Any:
        return etree.fromstring(
            f'<s:Envelope xmlns:s="{S}" xmlns:m="{M}" xmlns:t="{T}"><s:Header><t:ServerVersionInfo MajorVersion="15" '
            f'MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6" Version="{self.newest}"/></s:Header>'
            f"<s:Body>{inner}</s:Body></s:Envelope>"
        )

    def _whose(self, wanted: Any, login: Mailbox) -> Mailbox:
        address = wanted.findtext("t:Mailbox/t:EmailAddress", None, _NS)
        if address is None:
            return login
        found = next((each for each in self.mailboxes if each.goes_by(address)), None)
        if found is None:
            raise Refused("ErrorNonExistentMailbox", "No mailbox with such guid.")
        if found is not login and login.address not in found.readers:
            raise Refused("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return found

    def _get_folder(self, request: Any, login: Mailbox) -> str:
        # One message for each folder, as Exchange answers.
        messages = []
        for wanted in request.findall("m:FolderIds/t:DistinguishedFolderId", _NS):
            name, mailbox = wanted.get("Id"), self._whose(wanted, login)
            messages.append(
                f'<m:Folders><t:Folder><t:FolderId Id="{mailbox.folder_id(name)}" ChangeKey="AQAAAA=="/></t:Folder>'
                "</m:Folders>"
            )
        return "\0".join(messages)

    def _create_item(self, request: Any, login: Mailbox) -> str:
        assert request.get("MessageDisposition") == "SaveOnly", "this double sends nothing"
        folder = request.find("m:SavedItemFolderId/t:DistinguishedFolderId", _NS).get("Id")
        message = request.find("m:Items/t:Message", _NS)
        own = {
            each.find("t:ExtendedFieldURI", _NS).get("PropertyName"): each.findtext("t:Value", "", _NS)
            for each in message.findall("t:ExtendedProperty", _NS)
        }
        item_id = base64.b64encode(f"{login.guid}/item/{next(self._numbers)}".encode()).decode()
        login.folders[folder].append(Item(item_id, message.findtext("t:Subject", "", _NS), own))
        self.drafts_seen += 1
        return f'<m:Items><t:Message><t:ItemId Id="{item_id}" ChangeKey="CQAAAA=="/></t:Message></m:Items>'

    def _delete_item(self, request: Any, login: Mailbox) -> str:
        assert request.get("DeleteType") == "HardDelete", "nothing may be left in the deleted items"
        for wanted in request.findall("m:ItemIds/t:ItemId", _NS):
            folder = next((f for f in login.folders.values() if any(i.item_id == wanted.get("Id") for i in f)), None)
            if folder is None:
                raise Refused("ErrorItemNotFound", "The specified object was not found in the store.")
            folder[:] = [item for item in folder if item.item_id != wanted.get("Id")]
        return ""


def _age(version: str) -> int:
    """What this double has not heard of is newer."""
    return _VERSIONS.index(version) if version in _VERSIONS else len(_VERSIONS)


def _success(operation: str, contents: str) -> str:
    messages = "".join(
        f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{content}'
        f"</m:{operation}ResponseMessage>"
        for content in contents.split("\0")
    )
    return f"<m:{operation}Response><m:ResponseMessages>{messages}</m:ResponseMessages></m:{operation}Response>"


def _error(operation: str, refused: Refused) -> str:
    empty = {"GetFolder": "<m:Folders/>", "CreateItem": "<m:Items/>"}.get(operation, "")
    return (
        f'<m:{operation}Response><m:ResponseMessages><m:{operation}ResponseMessage ResponseClass="Error">'
        f"<m:MessageText>{refused.words}</m:MessageText><m:ResponseCode>{refused.code}</m:ResponseCode>"
        f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{empty}</m:{operation}ResponseMessage></m:ResponseMessages>"
        f"</m:{operation}Response>"
    )


def _fault(code: str, words: str, more: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{S}"><s:Body><s:Fault>'
        f'<faultcode xmlns:a="{T}">a:{code}</faultcode><faultstring xml:lang="en-US">{words}</faultstring>'
        f'<detail><e:ResponseCode xmlns:e="{E}">{code}</e:ResponseCode><e:Message xmlns:e="{E}">{words}</e:Message>'
        f"{more}</detail></s:Fault></s:Body></s:Envelope>"
    ).encode()
