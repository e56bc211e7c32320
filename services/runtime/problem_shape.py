"""The one shape of every error over HTTP: `application/problem+json`, RFC 9457. Knows no framework.

`type` and `code` name the kind for machines, `detail` says the cause and `remedy` what to do, `field` which part of the
request is at fault (`settings.smtp.port`, `to[0].email`), `instance` and `request_id` which request it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"
INVALID = "invalid_request"
_REMEDIES = {
    400: "Send the request again as the reference describes it.",
    401: "Make an API key on the team's settings page or with `POST /v1/api-keys`, and send it whole.",
    403: "Use a key that has the scope, or make one.",
    404: "List what there is to see its ids, and check the path.",
    405: "Use one of the methods in `Allow`.",
    409: "Read what is there, and decide anew.",
    413: "Send less at once.",
    415: "Send JSON with `Content-Type: application/json`.",
    422: "Correct what `detail` names and send the request again.",
    429: "Wait for the seconds in `Retry-After`.",
    503: "Send the request again after the seconds in `Retry-After`.",
}
"""What to do where the raiser does not say it better."""
LAST_REMEDY = "Give the `request_id` to whoever runs this installation: the log has the rest."

MAYBE_DONE = "Whether it was carried out is unknown: send it again, with the same `Idempotency-Key` where it creates."


class WrongField(BaseModel):
    field: str = Field(examples=["settings.smtp.port"])
    detail: str = Field(examples=["Input should be a valid integer"])


class Problem(BaseModel):
    """RFC 9457. Some kinds of problem say more, in fields of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:replywire:problem:not_found"], description="A URI per `code`")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["Your team has none with this id."], description="The cause, for people")
    instance: str = Field(examples=["urn:replywire:request:4f1c2a9e"])
    code: str = Field(examples=["not_found"], description="A stable slug, for programs; more may come")
    remedy: str = Field(examples=["List what there is to see its ids."], description="What to do about it")
    request_id: str = Field(examples=["4f1c2a9e"], description="The answer's `X-Request-Id`")
    field: str | None = Field(default=None, examples=["to[0].email"], description="The part of the request at fault")
    errors: list[WrongField] | None = Field(default=None, description="Every wrong field, where there are several")


class HttpProblem(Exception):
    """`code` is a stable slug for machines, `detail` says the cause and `remedy` what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail or HTTPStatus(status).description or HTTPStatus(status).phrase
        self.field = field
        self.remedy = remedy or _REMEDIES.get(status, LAST_REMEDY)
        self.headers = headers
        self.more = more

    def content(self, request_id: str) -> dict[str, Any]:
        named = {"field": self.field} if self.field else {}
        return {
            "type": f"urn:replywire:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:replywire:request:{request_id}",
            "code": self.code,
            "remedy": self.remedy,
            "request_id": request_id,
            **named,
            **self.more,
        }


def not_found(what: str, remedy: str | None = None) -> HttpProblem:
    """The same for what is unknown and for what is another team's."""
    return HttpProblem(404, "not_found", what, remedy=remedy)


def invalid(field: str, detail: str, remedy: str | None = None) -> HttpProblem:
    return HttpProblem(422, INVALID, detail, field=field, remedy=remedy)


def no_such_path() -> HttpProblem:
    return HttpProblem(404, "not_found", "There is nothing at this path.", remedy="`/v1/reference` has every path.")


def unfit(field: str, detail: str, remedy: str | None = None) -> HttpProblem:
    """Every field is as described, and what they say together, or about the world, cannot be."""
    return HttpProblem(422, "invalid_value", detail, field=field, remedy=remedy)


def too_large(most: int) -> HttpProblem:
    return HttpProblem(413, "too_large", f"A request has at most {most} octets.")
