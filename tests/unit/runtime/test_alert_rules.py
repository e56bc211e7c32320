"""The alerting rules that are shipped ask for metrics, labels and values that the services really tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import typer
import yaml
from prometheus_client import REGISTRY, generate_latest
from promql_parser import AggregateExpr, Expr, Matcher, MatchOp, VectorSelector
from replywire_contracts.catalogue import EVENTS

from services.cli.__main__ import app as command_line
from services.runtime import metrics
from services.runtime.permissions import SERVICES

ROOT = Path(__file__).parents[3]
FILE = ROOT / "deploy/prometheus/replywire.rules.yaml"
VALUES = {
    "service": set(SERVICES),
    "kind": {event.kind() for event in EVENTS},
    "status": {"handed_out", "overdue", "unconfirmed"},
    "outcome": {"stored", "unknown", "refused", "answered", "broken", "internal", "too_large", "unavailable"},
}


@dataclass(frozen=True, slots=True)
class Exported:
    labels: frozenset[str]


@pytest.fixture(scope="module")
def exported() -> dict[str, Exported]:
    """Every sample that some service's /metrics can have, as Prometheus names it."""
    for service in SERVICES:
        import_module(f"services.{service}.app")
    found = {}
    for name, collector in REGISTRY._names_to_collectors.items():
        if name.startswith("replywire_"):
            extra = {"le"} if name.endswith("_bucket") else set()
            found[name] = Exported(frozenset({*getattr(collector, "_labelnames", ()), *extra}))
    return found


RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
every_rule = pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])


def parts(expression: str) -> list[Expr]:
    """Raises `ValueError` for what is no PromQL."""
    seen: list[Expr] = []
    promql_parser.walk(promql_parser.parse(expression), seen.append)
    return seen


def selectors(expression: str) -> list[VectorSelector]:
    return [part for part in parts(expression) if isinstance(part, VectorSelector)]


def matchers(selector: VectorSelector) -> list[Matcher]:
    return list(selector.matchers.matchers)


def grouped_by(expression: str) -> set[str]:
    groups = [part.modifier for part in parts(expression) if isinstance(part, AggregateExpr)]
    return {label for group in groups if group is not None for label in group.labels}


@every_rule
def test_a_rule_asks_for_what_is_exported_by_the_labels_it_has(
    rule: dict[str, Any], exported: dict[str, Exported]
) -> None:
    asked = selectors(rule["expr"])
    assert asked
    for selector in asked:
        assert selector.name in exported, f"no service exports {selector.name}"
        labels = exported[selector.name].labels
        assert {matcher.name for matcher in matchers(selector)} <= labels
    assert grouped_by(rule["expr"]) <= set.union(*(set(exported[str(one.name)].labels) for one in asked))


@every_rule
def test_a_rule_asks_for_values_that_a_label_can_have(rule: dict[str, Any]) -> None:
    for selector in selectors(rule["expr"]):
        for matcher in matchers(selector):
            known = VALUES[matcher.name]
            if matcher.op == MatchOp.Equal:
                assert matcher.value in known
            else:
                assert matcher.op == MatchOp.Re
                for choice in _choices(matcher.value):
                    assert choice in known


def _choices(pattern: str) -> Iterator[str]:
    """`a.(b|c)` and `b|c`: all that we write."""
    head, _, rest = pattern.rpartition("(")
    for choice in rest.rstrip(")").split("|"):
        yield head + choice


@every_rule
def test_who_is_woken_is_told_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Replywire[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "remedy"}
    if "for" in rule:
        assert promql_parser.parse_duration(rule["for"])
    text = " ".join(rule["annotations"].values())
    named = set(re.findall(r"\$labels\.(\w+)", text))
    absent = {matcher.name for one in selectors(rule["expr"]) for matcher in matchers(one)}
    assert named <= grouped_by(rule["expr"]) | (absent if "absent(" in rule["expr"] else set())


@every_rule
def test_a_remedy_names_commands_that_exist(rule: dict[str, Any]) -> None:
    for typed in re.findall(r"`replywire ([^`]+)`", rule["annotations"]["remedy"]):
        found: Any = typer.main.get_command(command_line)
        for word in typed.split():
            if word.startswith("--"):
                assert word in {option for parameter in found.params for option in parameter.opts}, typed
            else:
                found = found.commands[word]


def test_every_alert_has_a_name_of_its_own_and_one_watches_each_service() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    [away] = [rule for rule in RULES if rule["alert"] == "ReplywireServiceAway"]
    watched = {matcher.value for one in selectors(away["expr"]) for matcher in matchers(one)}
    assert watched == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_rare_is_counted_from_zero_so_that_its_first_time_is_an_increase(service: str) -> None:
    metrics.begin_at_zero(service)
    told = generate_latest().decode()
    assert f'replywire_dead_letters_total{{service="{service}"}}' in told
    for event in EVENTS:
        if service == event.OWNER:
            for outcome in ("stored", "refused"):
                sample = f'replywire_events_published_total{{kind="{event.kind()}",outcome="{outcome}"}}'
                assert sample in told


@pytest.mark.parametrize("wrong", ["sum by service (up)", "rate(replywire_requests_total) > 0", "a >", ""])
def test_what_is_no_promql_is_found_out(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parts(wrong)
