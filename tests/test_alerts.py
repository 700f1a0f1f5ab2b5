"""The alerts of docs/operator.md: Prometheus reads them, /metrics shows what they ask for, and they can go off."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import BinaryExpr, Expr, LabelModifierType, MatchOp, VectorSelector

from tests.programs import ROOT
from tests.servers import SmtpSink
from tests.stack import Stack
from tests.test_sending import Post, crowd, working

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
Shown = dict[str, dict[str, set[str]]]
"""What /metrics shows: by metric and label the values."""


def documented(key: str) -> list[dict[str, Any]]:
    """The one list under this key in the manual's YAML."""
    found = [yaml.safe_load(block) for block in FENCE.findall((ROOT / "docs/operator.md").read_text("utf-8"))]
    [one] = [block[key] for block in found if key in block]
    assert isinstance(one, list)
    return one


[GROUP] = documented("groups")
RULES = {rule["alert"]: rule for rule in GROUP["rules"]}


def selectors(expression: Expr) -> list[VectorSelector]:
    """All that an expression asks for."""
    found: list[VectorSelector] = []

    def look(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            found.append(node)

    promql_parser.walk(expression, look)
    return found


def unknown(expression: Expr, shown: Shown) -> Iterator[str]:
    """What it asks for that nobody shows: a metric, a label, a value of one."""
    for selector in selectors(expression):
        labels = shown.get(selector.name or "")
        if labels is None:
            yield f"no metric {selector.name}"
            continue
        for matcher in selector.matchers.matchers:
            if matcher.op != MatchOp.Equal or matcher.value not in labels.get(matcher.name, set()):
                yield f'{selector.name} has no {matcher.name}="{matcher.value}"'


def never_meeting(expression: Expr) -> list[str]:
    """Pairs of vectors that no label brings together: both sides name it, and with different values."""
    found: list[str] = []

    def look(node: Expr) -> None:
        if isinstance(node, BinaryExpr) and str(node.op) not in ("or", "unless"):
            found.extend(sorted(apart(node)))

    promql_parser.walk(expression, look)
    return found


def apart(pair: BinaryExpr) -> set[str]:
    """The labels by which Prometheus compares the two sides, and that differ."""
    left, right = named(pair.lhs), named(pair.rhs)
    differing = {name for name in left.keys() & right.keys() if left[name] != right[name]}
    matching = pair.modifier.matching if pair.modifier else None
    if matching is None:
        return differing
    listed = set(matching.labels)
    return differing & listed if matching.type == LabelModifierType.Include else differing - listed


def named(side: Expr) -> dict[str, set[str]]:
    """The labels that a side of an expression names, with the values."""
    found: dict[str, set[str]] = {}
    for selector in selectors(side):
        for matcher in selector.matchers.matchers:
            found.setdefault(matcher.name, set()).add(matcher.value)
    return found


@pytest.fixture
def shown(client: FlaskClient, installation: Stack, sink: SmtpSink) -> Shown:
    """What /metrics shows while a mailing is open, and what Prometheus adds to it."""
    with working(installation) as worker:
        crowd(Post(client, worker, sink), 1)
        text = client.get("/metrics", base_url="http://127.0.0.1:5000").get_data(as_text=True)
    found: Shown = {"up": {}}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    for labels in found.values():
        labels["job"] = {config["job_name"] for config in documented("scrape_configs")}
    return found


@one_database
def test_the_alerts_ask_for_what_is_shown(shown: Shown) -> None:
    """Each metric, label and value of each expression, which Prometheus' grammar takes; and both sides of a pair."""
    for name, rule in RULES.items():
        expression = promql_parser.parse(rule["expr"])
        assert list(unknown(expression, shown)) == [], name
        assert never_meeting(expression) == [], name


def test_the_alerts_are_rules() -> None:
    """No key that Prometheus does not know, each time a time, each name one, and each says what to do."""
    assert GROUP.keys() <= {"name", "rules", "interval"}
    assert len(RULES) == len(GROUP["rules"]) > 3
    for name, rule in RULES.items():
        assert re.fullmatch(r"[A-Z]\w{,60}", name)
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert promql_parser.parse_duration(rule.get("for", "1m"))
        assert re.fullmatch(r"[^{}]{20,}\.|[^{}]{20,}\?", rule["annotations"]["summary"]), "no template of Prometheus"


@one_database
@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("campaign_worker == 0", "no metric campaign_worker"),
        ('campaign_mailings{state="halted"} > 0', 'campaign_mailings has no state="halted"'),
        ('campaign_letters{way="asked"} > 0', 'campaign_letters has no way="asked"'),
        ('up{job="letters"} == 0', 'up has no job="letters"'),
    ],
)
def test_what_nobody_shows_is_found(shown: Shown, expression: str, complaint: str) -> None:
    """The check itself can fail."""
    assert list(unknown(promql_parser.parse(expression), shown)) == [complaint]


def test_what_never_meets_is_found() -> None:
    """Two states are never one series, unless the label is left out of the comparison."""
    failed, sent = ('campaign_letters{state="failed"}', 'campaign_letters{state="sent"}')
    assert never_meeting(promql_parser.parse(f"{failed} > 0.05 * ({sent} + 1)")) == ["state"]
    assert never_meeting(promql_parser.parse(f"{failed} > on(state) {sent}")) == ["state"]
    assert never_meeting(promql_parser.parse(f"{failed} > ignoring(lane) {sent}")) == ["state"]
    for well in (f"{failed} > ignoring(state) {sent}", f"{failed} and on() {sent}", f"{failed} or {sent}"):
        assert never_meeting(promql_parser.parse(well)) == []
    for wrong in ("delta(campaign_workers)", "campaign_workers >", "nothing(campaign_workers)"):
        with pytest.raises(ValueError, match=r"expected|invalid|unknown"):
            promql_parser.parse(wrong)
