"""What SPF says of a domain (RFC 7208), and how many questions to DNS it takes who follows its record."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from campaign.doctor.asking import Names, NoDNS
from campaign.doctor.findings import Finding, Part

LOOK_UPS, VOID, HOSTS = 10, 2, 10
"""A record that needs more terms that ask DNS, more questions without an answer, or more hosts for one "mx", counts as
broken (section 4.6.4)."""

ASKING = ("include", "a", "mx", "ptr", "exists", "redirect")
SILENT = ("all", "ip4", "ip6")

_TERM = re.compile(r"[+?~-]?([a-z][a-z0-9]*)(?::([^/]*))?(?:/.*)?")
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)")
_MACRO = "%"

part = Part("dns")


def check_envelope(names: Names, domain: str) -> Iterator[Finding]:
    """The domain in the envelopes of letters: SPF asks for this one. Raises NoDNS."""
    records = names.texts(domain, "v=spf1")
    if not records:
        yield part.wrong(f"{domain} has no SPF record.", _wanted(domain))
    else:
        yield _judged(names, domain, records)


def check_other(names: Names, domain: str) -> Iterator[Finding]:
    """A domain in no envelope: a record is only wished for there, but a broken one is broken. Raises NoDNS."""
    records = names.texts(domain, "v=spf1")
    if not records:
        yield part.note(f"{domain} has no SPF record. No envelope names it, but some receivers look.", _wanted(domain))
    else:
        yield _judged(names, domain, records)


def _wanted(domain: str) -> str:
    return f'Publish one TXT record at {domain}, such as "v=spf1 mx ip4:192.0.2.1 -all".'


def _judged(names: Names, domain: str, records: list[str]) -> Finding:
    if len(records) > 1:
        return part.wrong(
            f"{domain} has {len(records)} SPF records: then none of them counts.", "Make one record of them."
        )
    terms = records[0].lower().split()
    if "+all" in terms or "all" in terms:
        return part.wrong(f"The SPF record of {domain} lets everybody send.", "End it with -all or ~all.")
    follower = Follower(names)
    try:
        follower.follow(domain, records[0])
    except NoDNS:
        return part.note(f"The SPF record of {domain} names something of which DNS knows nothing now.", "Ask again.")
    if follower.complaint:
        return part.wrong(f"The SPF record of {domain} counts as broken: {follower.complaint}.", follower.remedy)
    if terms[-1] not in ("-all", "~all") and not terms[-1].startswith("redirect="):
        return part.note(f"The SPF record of {domain} forbids nobody to send.", "End it with -all or ~all.")
    count = f"{follower.look_ups} of {LOOK_UPS} look-ups"
    return part.good(f"{domain} has an SPF record, which takes {count}. See that it names your relay.")


@dataclass
class Follower:
    """Follows a record to its end, as who receives a letter does that no term of it matches."""

    names: Names
    look_ups: int = 0
    void: list[str] = field(default_factory=list)
    complaint: str = ""
    remedy: str = ""

    def follow(self, domain: str, record: str) -> None:
        """Follow the terms of a domain's record, and of those that it includes, until it is found to be broken."""
        redirect = ""
        for term in record.lower().split()[1:]:
            if self.complaint or term.lstrip("+?~-") == "all":
                return
            modifier = _MODIFIER.fullmatch(term)
            if modifier is None:
                self._mechanism(domain, term)
            elif modifier[1] == "redirect":
                redirect = modifier[2]
        if redirect and not self.complaint and self._may_ask():
            self._into(redirect)

    def _mechanism(self, domain: str, term: str) -> None:
        found = _TERM.fullmatch(term)
        if found is None or found[1] not in (*ASKING, *SILENT):
            self._complain(f"nobody understands {term!r}", "Take it out, or mend its spelling.")
        elif found[1] in ASKING and self._may_ask():
            self._ask(found[1], (found[2] or domain).rstrip("."))

    def _ask(self, mechanism: str, name: str) -> None:
        if mechanism == "include":
            self._into(name)
        elif mechanism == "mx":
            self._mail_hosts(name)
        elif mechanism in ("a", "exists") and _MACRO not in name and not self.names.has_address(name):
            self._found_nothing(name)

    def _into(self, name: str) -> None:
        """Another domain's record: without one, what names it is broken (sections 5.2 and 6.1)."""
        if _MACRO in name:
            return  # who sends decides where that leads
        records = self.names.texts(name, "v=spf1")
        if len(records) == 1:
            self.follow(name, records[0])
        else:
            many = f"{len(records)} SPF records" if records else "no SPF record"
            self._complain(f"{name}, which it names, has {many}", f"Ask whoever runs {name}, or take it out.")

    def _mail_hosts(self, name: str) -> None:
        hosts = self.names.exchanges(name)
        if len(hosts) > HOSTS:
            self._complain(f"mx of {name} leads to {len(hosts)} hosts, and {HOSTS} may be", "Name addresses by ip4:")
        elif not hosts:
            self._found_nothing(name)
        for host in hosts:
            if not self.names.has_address(host):
                self._found_nothing(host)

    def _may_ask(self) -> bool:
        self.look_ups += 1
        if self.look_ups > LOOK_UPS:
            self._complain(
                f"it takes more than {LOOK_UPS} look-ups",
                "Leave out what no longer sends for you, and name addresses by ip4: and ip6: where you can.",
            )
        return not self.complaint

    def _found_nothing(self, name: str) -> None:
        self.void.append(name)
        if len(self.void) > VOID:
            self._complain(f"it asks for names that are not there ({', '.join(self.void)})", "Take them out.")

    def _complain(self, complaint: str, remedy: str) -> None:
        if not self.complaint:
            self.complaint, self.remedy = complaint, remedy
