"""What a client is told of a body that does not fit: in the words of the API, never in those of our classes."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from services.runtime import problems
from services.runtime.parameters import Instant


class Wanted(BaseModel):
    name: str
    at: Instant | None = None


def test_a_body_that_is_missing_is_said_to_be_missing() -> None:
    told = problems.of(RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}]))
    assert told is not None
    assert (told.status, told.detail) == (422, "The body is missing.")
    assert told.remedy


def test_a_list_in_an_objects_place_is_refused_without_the_name_of_a_class() -> None:
    try:
        Wanted.model_validate([])
    except ValidationError as wrong:
        told = problems.of_validation(wrong.errors(), whole_body=True)
    assert told.detail == "The body: Input should be an object"


def test_what_our_own_checks_say_stands_alone() -> None:
    try:
        Wanted.model_validate({"name": "a", "at": "tomorrow"})
    except ValidationError as wrong:
        told = problems.of_validation(wrong.errors(), whole_body=True)
    assert told.detail.startswith("at: a time is written with its zone")
