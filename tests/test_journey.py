"""The main job, whole: from the signing to the letter that tells of the release, and on to being forgotten."""

import re

from tests.letters_in import Letter, read
from tests.servers import SmtpSink, until
from tests.stack import SIGNER, Stack, update_file

OK, SEE_OTHER, NOT_FOUND, GONE = 200, 303, 404, 410


def letters_to(sink: SmtpSink, address: str) -> list[Letter]:
    """All letters that an address has got so far."""
    return [read(received.content) for received in sink.letters if address in received.recipients]


def test_from_signing_to_erasing(stack: Stack, sink: SmtpSink) -> None:
    """One signer's whole story; another who only follows; a third who wants no news."""
    stack.start_web()
    stack.start_worker()

    letter = sign_twice_and_confirm(stack, sink)
    say_something(stack, sink, letter)
    follow(stack, sink)
    stack.sign_and_confirm(sink, email="quiet@example.org", news="none", appear="count")
    until(lambda: stack.count() == 2, 15)

    hear_of_the_release(stack, sink)
    change_appearance(stack, letter)
    unsubscribe(stack, sink)
    withdraw_and_erase(stack, sink, letter)
    assert "agree" in stack.run("audit")
    assert "drain failed" not in stack.all_output


def sign_twice_and_confirm(stack: Stack, sink: SmtpSink) -> Letter:
    """A GET confirms nothing, a POST does, a second POST neither harms nor counts; a second signing is told so."""
    stack.sign()
    letter = read(sink.wait_for(1, to=SIGNER["email"])[0].content)
    link = letter.link("/confirm/")
    assert "has not changed anything yet" in stack.get(link).text
    assert stack._ask("HEAD", link, None, {}).status == OK
    assert stack.count() == 0
    for _ in range(2):
        assert stack.confirm(letter).status == SEE_OTHER
    assert "You are number 1." in stack.get(link).text
    until(lambda: stack.count() == 1, 15)
    stack.sign(email="ADA+again@example.org")
    until(lambda: len(letters_to(sink, SIGNER["email"])) == 2, 15)
    assert "/yours/" in letters_to(sink, SIGNER["email"])[1].link("/yours/")
    until(lambda: "Ada Example" in stack.get("/en/release-test/signatures/").text, 15)
    return letter


def say_something(stack: Stack, sink: SmtpSink, letter: Letter) -> None:
    """Words wait until somebody has read them; then they show, and their author hears of it."""
    place = f"{letter.link('/confirm/')}/statement"
    assert stack.post(place, {"statement": " "}).status == 422
    assert stack.post(place, {"statement": "You are <b>not</b> forgotten."}).status == SEE_OTHER
    assert "forgotten" not in stack.get("/en/release-test/").text
    number = re.match(r"(\d+)  Ada Example", stack.run("moderate", "list"))
    assert number is not None
    stack.run("moderate", "approve", number[1])
    assert "You are &lt;b&gt;not&lt;/b&gt; forgotten." in stack.get("/en/release-test/").text
    until(lambda: len(letters_to(sink, SIGNER["email"])) == 3, 15)
    assert "not</b> forgotten." in letters_to(sink, SIGNER["email"])[2].text


def follow(stack: Stack, sink: SmtpSink) -> None:
    """A follower confirms by mail, too, and is not in the count."""
    stack.post("/ur/release-test/follow", {"email": "follower@example.org", "news": "status"})
    letter = read(sink.wait_for(1, to="follower@example.org")[0].content)
    assert "رہا کرو" in letter.subject
    stack.confirm(letter)


def hear_of_the_release(stack: Stack, sink: SmtpSink) -> None:
    """The command says what it will do and does it once; joy comes first; who wants no news gets none."""
    file = str(update_file(stack.folder))
    plan = stack.try_run("publish", file, typed="n\n")
    assert "It will reach 2 readers" in plan.output
    assert "Tariq Example: released" in plan.output
    assert "free" not in stack.get("/en/release-test/timeline/").text
    stack.run("publish", file, "--yes")
    assert "already" in stack.try_run("publish", file, "--yes").errors
    until(lambda: "2 sent" in stack.run("mailings"), 20)
    page = stack.get("/en/release-test/").text
    assert page.index("Tariq Example</bdi> is free") < page.index("Day by day")
    assert "people signed. Thank you" in page
    assert 'action="/en/release-test/sign"' not in page
    assert 'action="/en/release-test/follow"' in page
    letter = letters_to(sink, SIGNER["email"])[3]
    assert letter.subject == "He is free"
    assert letter.text.startswith("Tariq Example is free")
    assert letters_to(sink, "follower@example.org")[1].subject == "وہ رہا ہو گئے"
    assert len(letters_to(sink, "quiet@example.org")) == 1


def change_appearance(stack: Stack, letter: Letter) -> None:
    """From the full name to initials: the name goes at once, the initials come when the worker has opened the seal."""
    yours = stack.get(letter.link("/confirm/")).text
    found = re.search(r'href="(/en/yours/[^"]+)"', yours)
    assert found is not None
    assert "Ada Example" in stack.get(found[1]).text
    assert stack.post(found[1], {"appear": "initials", "news": "nonsense"}).status == 422
    assert stack.post(found[1], {"appear": "initials", "news": "all"}).status == SEE_OTHER
    assert "Ada Example" not in stack.get("/en/release-test/signatures/").text
    until(lambda: "A. E." in stack.get("/en/release-test/signatures/").text, 15)


def unsubscribe(stack: Stack, sink: SmtpSink) -> None:
    """One click as a mail program does it (RFC 8058): no page first, no login, no browser's headers."""
    letter = letters_to(sink, "follower@example.org")[1]
    assert letter.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = letter.headers["List-Unsubscribe"].strip("<>")
    assert stack.get(address).status == OK
    body = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(2):
        assert stack._ask("POST", address, b"List-Unsubscribe=One-Click", body).status == OK
    correction = update_file(stack.folder, title="More news", kind="news", statuses={})
    stack.run("publish", str(correction), "--yes")
    until(lambda: len(letters_to(sink, SIGNER["email"])) == 5, 20)
    assert len(letters_to(sink, "follower@example.org")) == 2


def withdraw_and_erase(stack: Stack, sink: SmtpSink, letter: Letter) -> None:
    """Taking back lowers the count; erasing ends the links."""
    yours = letters_to(sink, SIGNER["email"])[4].link("/yours/")
    assert "no longer" in stack.post(yours, {"action": "withdraw"}).text
    until(lambda: "1 shown" in stack.run("audit"), 20)
    assert "forgotten" not in stack.get("/en/release-test/statements/").text
    assert stack.get(letter.link("/confirm/")).status == NOT_FOUND
    assert stack.get(yours).status == OK
    assert "deleted" in stack.post(yours, {"action": "erase"}).text
    assert stack.get(yours).status == GONE
