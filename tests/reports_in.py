"""Reports as they come back: in the words of Postfix, Exim, Exchange, Gmail and qmail, and complaints (RFC 5965)."""

from collections.abc import Mapping
from textwrap import dedent

from tests.servers import Received

WHO = "gone@example.org"


def report(to: str, fields: str, *, words: str = "Your message was not delivered.", original: bytes = b"") -> bytes:
    """A report after RFC 3464, with these groups of fields."""
    enclosed = original or b"Subject: News\n\nNews.\n"
    head = f"""\
        Return-Path: <>
        Delivered-To: {to}
        From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
        To: {to}
        Subject: Undelivered Mail Returned to Sender
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status; boundary="=_cut"

        --=_cut
        Content-Description: Notification
        Content-Type: text/plain; charset=us-ascii

        """
    middle = "\n--=_cut\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\n"
    end = "\n--=_cut\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\n\n"
    text = dedent(head) + words + "\n" + middle + dedent(fields).strip("\n") + "\n" + end
    return text.encode() + enclosed.replace(b"\r\n", b"\n") + b"\n--=_cut--\n"


def postfix(
    to: str,
    status: str = "5.1.1",
    said: str = "550 5.1.1 <gone@example.org>: Recipient address rejected: User unknown",
    action: str = "failed",
    original: bytes = b"",
) -> bytes:
    """Postfix."""
    fields = f"""
        Reporting-MTA: dns; mx.letters.example.org
        X-Postfix-Queue-ID: 4F0aBc1dEfz
        X-Postfix-Sender: rfc822; {to}
        Arrival-Date: Mon,  4 Mar 2024 09:12:01 +0000 (UTC)

        Final-Recipient: rfc822; {WHO}
        Original-Recipient: rfc822;{WHO}
        Action: {action}
        Status: {status}
        Remote-MTA: dns; mx.example.org
        Diagnostic-Code: smtp; {said}
        """
    words = (
        "This is the mail system at host mx.letters.example.org.\n\nI'm sorry to have to inform you that your message "
        f"could not\nbe delivered to one or more recipients.\n\n                   The mail system\n\n<{WHO}>: host "
        f"mx.example.org[192.0.2.7] said: {said}"
    )
    return report(to, fields, words=words, original=original)


def exim(to: str, said: str = "550 No such user here") -> bytes:
    """Exim 4.85 and later: its status says no more than that it failed."""
    fields = f"""
        Reporting-MTA: dns; mail.example.org

        Action: failed
        Final-Recipient: rfc822;{WHO}
        Status: 5.0.0
        Remote-MTA: dns; mx.example.org
        Diagnostic-Code: smtp; {said}
        """
    return report(to, fields, words=_exim_words(said))


def old_exim(to: str, said: str = "550 Unrouteable address") -> bytes:
    """Exim before it wrote reports: words only."""
    return (
        dedent(f"""\
        Return-path: <>
        Envelope-to: {to}
        X-Failed-Recipients: {WHO}
        Auto-Submitted: auto-replied
        From: Mail Delivery System <Mailer-Daemon@mail.example.org>
        To: {to}
        Subject: Mail delivery failed: returning message to sender

        """).encode()
        + _exim_words(said).encode()
    )


def _exim_words(said: str) -> str:
    return (
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        f"  {WHO}\n    host mx.example.org [192.0.2.7]\n    SMTP error from remote mail server after RCPT TO:<{WHO}>:\n"
        f"    {said}\n"
    )


def exchange(to: str, status: str = "5.1.10", said: str = "RESOLVER.ADR.RecipientNotFound; not found") -> bytes:
    """Exchange."""
    fields = f"""
        Reporting-MTA: dns;AM0PR01MB0001.eurprd01.prod.exchangelabs.example.org
        Received-From-MTA: dns;mx.letters.example.org
        Arrival-Date: Mon, 4 Mar 2024 09:12:03 +0000

        Final-Recipient: rfc822;{WHO}
        Action: failed
        Status: {status}
        Diagnostic-Code: smtp;550 {status} {said}
        """
    return report(to, fields, words=f"Your message to {WHO} couldn't be delivered.\n\ngone wasn't found at example.org")


def gmail(
    to: str, status: str = "5.1.1", said: str = "The email account that you tried to reach does not exist."
) -> bytes:
    """Gmail, whose diagnosis is folded over many lines."""
    fields = f"""
        Reporting-MTA: dns; googlemail.example.org
        Arrival-Date: Mon, 04 Mar 2024 01:12:01 -0800 (PST)
        X-Original-Message-ID: <0123@letters.example.org>

        Final-Recipient: rfc822; {WHO}
        Action: failed
        Status: {status}
        Remote-MTA: dns; gmail-smtp-in.example.org. (192.0.2.26, the server for the domain example.org.)
        Diagnostic-Code: smtp; 550-{status} {said}
         550-{status} Please try double-checking the recipient's email address for typos or
         550 {status} unnecessary spaces. - gsmtp
        Last-Attempt-Date: Mon, 04 Mar 2024 01:12:01 -0800 (PST)
        """
    return report(to, fields, words=f"** Address not found **\n\nYour message wasn't delivered to {WHO}.")


def qmail(to: str, said: str = "Sorry, no mailbox here by that name. (#5.1.1)") -> bytes:
    """qmail: words only."""
    return dedent(f"""\
        Return-Path: <>
        Delivered-To: {to}
        From: MAILER-DAEMON@mail.example.org
        To: {to}
        Subject: failure notice

        Hi. This is the qmail-send program at mail.example.org.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.

        <{WHO}>:
        {said}

        --- Below this line is a copy of the message.

        Subject: News

        News, of section 5.7.1.
        """).encode()


def away(to: str) -> bytes:
    """Somebody is away."""
    return dedent(f"""\
        Return-Path: <>
        Delivered-To: {to}
        From: Reader <reader@example.org>
        To: {to}
        Subject: Out of office
        Auto-Submitted: auto-replied (vacation)
        Precedence: bulk

        I am away until Monday. For urgent things write to office@example.org.
        """).encode()


def complaint(to: str, original: bytes, kind: str = "abuse", enclosed: str = "message/rfc822", **fields: str) -> bytes:
    """A complaint; `original`: the letter, or its headers, as the provider's user had it."""
    more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items())
    head = dedent(f"""\
        Return-Path: <feedback@provider.example.org>
        From: <feedback@provider.example.org>
        To: {to}
        Subject: FW: News
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=feedback-report; boundary="=_arf"

        --=_arf
        Content-Type: text/plain; charset="US-ASCII"

        This is an email abuse report.

        --=_arf
        Content-Type: message/feedback-report

        Feedback-Type: {kind}
        User-Agent: SomeGenerator/1.0
        Version: 1
        """)
    return f"{head}{more}\n--=_arf\nContent-Type: {enclosed}\n\n".encode() + original + b"\n--=_arf--\n"


def delivered(letter: Received) -> bytes:
    """A letter as it lies in its reader's mailbox: with the envelope's sender on top (RFC 5321, section 4.4)."""
    return f"Return-Path: <{letter.sender}>\r\n".encode() + letter.content


def mail(to: str, headers: Mapping[str, str] | None = None) -> bytes:
    """What a mail program sends when its user presses unsubscribe."""
    more = "".join(f"{name}: {value}\n" for name, value in (headers or {}).items())
    return f"From: reader@example.org\nTo: {to}\nSubject: unsubscribe\n{more}\nunsubscribe\n".encode()
