"""The few EWS requests that prove a mailbox, as exchangelib's services: our payloads, its sessions and faults.

Each is as small as the schema lets it be: nothing but ids is asked for, so nothing of the mailbox is ever answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exchangelib.services.common import EWSService
from exchangelib.util import MNS, TNS, add_xml_child, create_element

from services.providers.ews.wire import OLDER_VERSIONS, Wire

MARKER = "replywire-proof"
"""The own property of the draft that a proof saves: whoever finds one left behind knows what it is."""
SUBJECT = "Connection test (nothing was sent; this draft can be deleted)"


class _Call(EWSService):  # type: ignore[misc]
    ERRORS_TO_CATCH_IN_RESPONSE = ()

    def __init__(self, wire: Wire, address: str) -> None:
        super().__init__(protocol=wire)
        self._address = address

    @classmethod
    def supported_api_versions(cls) -> list[str]:
        """What is asked of a server that is older than the first one. The library's own list goes from the newest down
        and holds a name that Microsoft's schema does not."""
        return list(OLDER_VERSIONS)

    def _extra_headers(self) -> dict[str, str]:
        # Leads to the mailbox's own server where several stand behind one name.
        return {"X-AnchorMailbox": self._address} if self._address.isascii() else {}

    def answers(self, payload: Any) -> list[Any]:
        return list(self._get_elements(payload=payload))


class GetFolderIds(_Call):
    SERVICE_NAME = "GetFolder"
    element_container_name = f"{{{MNS}}}Folders"

    def of(self, names: Sequence[str], mailbox: str | None = None) -> list[str]:
        """Of distinguished folders, in their order: of the login's own mailbox, or of the one with this address."""
        payload = create_element("m:GetFolder")
        shape = create_element("m:FolderShape")
        add_xml_child(shape, "t:BaseShape", "IdOnly")
        wanted = create_element("m:FolderIds")
        for name in names:
            wanted.append(_folder(name, mailbox))
        payload.append(shape)
        payload.append(wanted)
        return [_id(folder, "FolderId") for folder in self.answers(payload)]


class SaveDraft(_Call):
    SERVICE_NAME = "CreateItem"
    element_container_name = f"{{{MNS}}}Items"

    def marked(self, marker: str) -> str:
        """Save an empty draft that carries `marker`, without sending it: its id."""
        payload = create_element("m:CreateItem", attrs={"MessageDisposition": "SaveOnly"})
        where = create_element("m:SavedItemFolderId")
        where.append(_folder("drafts"))
        items = create_element("m:Items")
        message = create_element("t:Message")
        add_xml_child(message, "t:Subject", SUBJECT)
        own = create_element("t:ExtendedProperty")
        own.append(
            create_element(
                "t:ExtendedFieldURI",
                attrs={
                    "DistinguishedPropertySetId": "PublicStrings",
                    "PropertyName": MARKER,
                    "PropertyType": "String",
                },
            )
        )
        add_xml_child(own, "t:Value", marker)
        message.append(own)
        items.append(message)
        payload.append(where)
        payload.append(items)
        [draft] = self.answers(payload)
        return _id(draft, "ItemId")


class DeleteForGood(_Call):
    SERVICE_NAME = "DeleteItem"
    returns_elements = False

    def item(self, item_id: str) -> None:
        """Past the deleted items: nobody is to find it there."""
        payload = create_element("m:DeleteItem", attrs={"DeleteType": "HardDelete"})
        ids = create_element("m:ItemIds")
        ids.append(create_element("t:ItemId", attrs={"Id": item_id}))
        payload.append(ids)
        self.answers(payload)


def _folder(name: str, mailbox: str | None = None) -> Any:
    folder = create_element("t:DistinguishedFolderId", attrs={"Id": name})
    if mailbox is not None:
        whose = create_element("t:Mailbox")
        add_xml_child(whose, "t:EmailAddress", mailbox)
        folder.append(whose)
    return folder


def _id(element: Any, kind: str) -> str:
    found = element.find(f"{{{TNS}}}{kind}")
    return "" if found is None else str(found.get("Id") or "")
