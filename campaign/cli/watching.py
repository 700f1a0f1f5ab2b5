"""The doctor."""

import json
import re
import sys
from dataclasses import asdict

import click

from campaign.cli.group import main
from campaign.doctor.examination import Wishes, look_over
from campaign.doctor.findings import Verdict
from campaign.errors import Refusal
from campaign.sealing import EmailAddress


@main.command()
@click.option("--letter-to", metavar="ADDRESS", help="Send a real letter to this address.")
@click.option("--dkim-selector", metavar="NAME", help="Where the DKIM key stands; else CAMPAIGN_DKIM_SELECTOR.")
@click.option("--resolver", metavar="HOST:PORT", help="Ask this DNS server instead of the machine's.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def doctor(letter_to: str | None, dkim_selector: str | None, resolver: str | None, as_json: bool) -> None:
    """Look the installation over: what is good, what is wrong, and the remedy; exits with 1 when anything is wrong."""
    _check(letter_to, resolver)
    findings = []
    for finding in look_over(Wishes(letter_to, resolver, dkim_selector)):
        findings.append(finding)
        if not as_json:
            click.echo(str(finding))
    wrong = sum(finding.verdict is Verdict.WRONG for finding in findings)
    if as_json:
        shown = {"findings": [asdict(finding) for finding in findings], "wrong": wrong}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{wrong} of {len(findings)} are wrong." if wrong else "Nothing is wrong.")
    sys.exit(1 if wrong else 0)


def _check(letter_to: str | None, resolver: str | None) -> None:
    if resolver is not None and not re.fullmatch(r"[\da-fA-F.:]+:\d+", resolver):
        raise Refusal("The resolver is an IP address and a port, such as 127.0.0.1:53.")
    try:
        if letter_to is not None:
            EmailAddress.parse(letter_to)
    except ValueError:
        raise Refusal("This does not look like an e-mail address.") from None
