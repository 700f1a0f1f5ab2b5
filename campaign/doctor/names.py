"""What DNS says of the sender: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489) and MX."""

import base64
import binascii
from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from campaign.config import Config
from campaign.doctor import spf
from campaign.doctor.asking import Names, NoDNS
from campaign.doctor.findings import Finding, Part, Verdict
from campaign.doctor.machine import HERE
from campaign.values import organisational

LEAST_BITS, GOOD_BITS = 1024, 2048

part = Part("dns")


def check_names(config: Config, resolver: str | None, selector: str) -> Iterator[Finding]:
    """What the world can look up of the sender; where DNS does not answer, only that."""
    if config.is_demo and urlsplit(config.public_url).hostname in HERE:
        yield part.good("A demonstration on this machine needs no names; they are looked up when it runs for real.")
        return
    domain = parseaddr(config.mail_from)[1].rpartition("@")[2].lower()
    envelope = config.bounce_address.rpartition("@")[2].lower() or domain
    of_campaigns = config.mail_from_campaign.rpartition("@")[2].lower() or domain
    try:
        names = Names(resolver)
        yield _site(names, urlsplit(config.public_url).hostname or "")
        yield from spf.check_envelope(names, envelope)
        yield _mail_host(names, envelope)
        yield _dkim(names, domain, selector)
        yield from _dmarc(names, domain, envelope)
        if of_campaigns != domain:
            yield from _of_campaigns(names, of_campaigns, envelope)
            yield from [_dkim_of_campaigns(names, of_campaigns, domain, selector)] if selector else []
    except NoDNS:
        yield part.note("DNS does not answer here, so nothing could be looked up.", "Try it from another machine.")


def _of_campaigns(names: Names, domain: str, envelope: str) -> Iterator[Finding]:
    """The domain of CAMPAIGN_MAIL_FROM_CAMPAIGN: answers go there, and DMARC asks for its policy."""
    if domain != envelope:
        yield from spf.check_other(names, domain)
        yield _mail_host(names, domain)
    yield from _dmarc(names, domain, envelope)


def _dkim_of_campaigns(names: Names, domain: str, beside: str, selector: str) -> Finding:
    """Its key; or one beside it, of the same organization, which is aligned unless that is strict (RFC 7489, 3.1.1)."""
    found = _dkim(names, domain, selector)
    policy = _policy(names, domain)
    is_strict = policy is None or (policy[1] or {}).get("adkim", "r").lower() == "s"
    has_key = names.texts(f"{selector}._domainkey.{domain}", "")
    if has_key or is_strict or _dkim(names, beside, selector).verdict is Verdict.WRONG:
        return found
    return part.note(f"{domain} has no DKIM key of its own.", f"See that the relay signs its letters for {beside}.")


def _site(names: Names, host: str) -> Finding:
    if names.has_address(host):
        return part.good(f"{host} has an address.")
    return part.wrong(f"{host} has no address: links in letters lead nowhere.", "Publish an A or AAAA record.")


def _mail_host(names: Names, domain: str) -> Finding:
    hosts = names.hosts(domain)
    if hosts and hosts != ["."]:
        return part.good(f"{domain} takes mail.")
    return part.wrong(f"{domain} takes no mail: bounces and answers reach nobody.", "Publish an MX record.")


def _dkim(names: Names, domain: str, selector: str) -> Finding:
    if not selector:
        return part.note(
            "The DKIM key was not looked up.", "Name its selector: CAMPAIGN_DKIM_SELECTOR or --dkim-selector"
        )
    name = f"{selector}._domainkey.{domain}"
    records = [_tags(text) for text in names.texts(name, "") if "p=" in text]
    if not records:
        return part.wrong(f"There is no DKIM key at {name}.", "Publish the record that opendkim-genkey wrote.")
    tags = records[0]
    if len(records) > 1:
        return part.wrong(
            f"There are {len(records)} DKIM keys at {name}.", "Leave one, and give each key its own selector."
        )
    if not tags.get("p"):
        return part.wrong(f"The DKIM key at {name} was revoked.", "Publish the key that the relay signs with.")
    return _dkim_key(name, tags)


def _dkim_key(name: str, tags: dict[str, str]) -> Finding:
    try:
        key = base64.b64decode("".join(tags["p"].split()), validate=True)
        public = load_der_public_key(key) if tags.get("k", "rsa") == "rsa" else None
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return part.wrong(
            f"The DKIM key at {name} cannot be read.", "Publish it anew, whole, in pieces of 255 characters."
        )
    bits = public.key_size if isinstance(public, RSAPublicKey) else GOOD_BITS
    if bits < LEAST_BITS:
        return part.wrong(
            f"The DKIM key at {name} has {bits} bits: it is ignored (RFC 8301).", "Make one of 2048 bits."
        )
    if bits < GOOD_BITS:
        return part.note(f"The DKIM key at {name} has {bits} bits.", "Make one of 2048 bits.")
    if "y" in tags.get("t", "").split(":"):
        return part.note(
            f"The DKIM key at {name} says that it is being tried out.", "Take t=y out when letters arrive."
        )
    return part.good(f"There is a DKIM key at {name}. What it signs for {domain_of(name)} is aligned with From.")


def domain_of(name: str) -> str:
    """The domain for which the key at `<selector>._domainkey.<domain>` signs."""
    return name.partition("._domainkey.")[2]


def _dmarc(names: Names, domain: str, envelope: str) -> Iterator[Finding]:
    found = _policy(names, domain)
    if found is None:
        yield part.wrong(
            f"{domain} has no DMARC record: large providers then refuse mailings.",
            f'Publish a TXT record at _dmarc.{domain}, at first "v=DMARC1; p=none; rua=mailto:you@{domain}".',
        )
        return
    organization, tags = found
    if tags is None:
        yield part.wrong(f"There are several DMARC records at _dmarc.{organization}: none counts.", "Leave one.")
        return
    if tags.get("p", "").lower() not in ("none", "quarantine", "reject"):
        yield part.wrong(
            f"The DMARC record at _dmarc.{organization} has no policy.", "Write p=none, quarantine or reject."
        )
    elif tags["p"].lower() == "none":
        yield part.note(f"The DMARC policy of {organization} is none.", "When SPF and DKIM pass, ask for p=reject.")
    else:
        yield part.good(f"The DMARC policy of {organization} is {tags['p'].lower()}.")
    yield _alignment(domain, envelope, is_strict=tags.get("aspf", "r").lower() == "s")


def _alignment(domain: str, envelope: str, *, is_strict: bool) -> Finding:
    """Whether SPF speaks for From (RFC 7489, section 3.1.2): the same domain, or one of the same organization."""
    is_kin = organisational(domain) == organisational(envelope)
    if envelope == domain or (is_kin and not is_strict):
        return part.good("The envelope is aligned with From: SPF counts for DMARC.")
    return part.note(
        f"Letters come from {domain}, but bounces go to {envelope}: SPF does not count for DMARC, DKIM alone must.",
        f"Take a bounce address at {domain}.",
    )


def _policy(names: Names, domain: str) -> tuple[str, dict[str, str] | None] | None:
    """The nearest domain upwards with a DMARC record, and its tags; None for the tags: there are several records."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        records = names.texts(f"_dmarc.{name}", "v=dmarc1")
        if records:
            return name, _tags(records[0]) if len(records) == 1 else None
    return None


def _tags(record: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip(): value.strip() for name, _equals, value in pairs}
