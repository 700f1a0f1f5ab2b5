"""The `campaign` command: what each does when all is well, and the sentence when it is not."""

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from flask.testing import FlaskClient

from campaign import clock
from campaign.campaigns.queries import campaign_by_slug
from campaign.db import db
from campaign.ledger.models import Change, LedgerEntry
from campaign.mailing.models import Delivery, Mailing, Reader
from campaign.opening import Keyring
from campaign.signing.models import Signature, new_secret
from campaign.statements.models import Statement
from campaign.timeline.models import Update
from campaign.timeline.operations import UpdateDraft, add_update, publish
from tests.commands import Run, runner
from tests.programs import ROOT
from tests.stack import Stack, campaign_file, update_file

SLUG = "release-test"

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def run(stack: Stack, client: FlaskClient) -> Run:
    """With the campaign release-test; the test looks into the same database."""
    names = [name for name in stack.environ if name.startswith("CAMPAIGN_")]
    return runner({name: stack.environ[name] for name in names})


def refused(result: Result, *words: str) -> bool:
    """Whether it ended with 1 and one sentence that holds these words."""
    said = result.output.strip()
    lines = said.splitlines()
    return result.exit_code == 1 and lines[-1].startswith("Error: ") and all(word in said for word in words)


def signature(locale: str = "en", news: str = "all", *, appear: str = "name") -> Signature:
    """A confirmed signature that is in the ledger."""
    campaign = campaign_by_slug(SLUG)
    assert campaign is not None
    now, (secret, commitment) = clock.now(), new_secret()
    reader = Reader(campaign_id=campaign.id, sealed_address=b"x", fingerprint=commitment, locale=locale, news=news,
                    created_at=now, confirmed_at=now)  # fmt: skip
    signed = Signature(
        campaign_id=campaign.id, reader=reader, state="confirmed", appear=appear, news=news, locale=locale,
        country="GB", sealed=b"x", is_veiled=False, public_name="Ada Example" if appear == "name" else None,
        secret=secret, commitment=commitment, signed_at=now, confirmed_at=now,
    )  # fmt: skip
    number = db.session.query(LedgerEntry).count() + 1
    entry = LedgerEntry(campaign_id=campaign.id, number=number, change=Change.ADDED, commitment=commitment,
                        count=number, entered_at=now)  # fmt: skip
    db.session.add_all([signed, entry])
    db.session.flush()
    return signed


def statement(**signed: str) -> int:
    """The number of a statement that waits."""
    by = signature(**signed)
    said = Statement(campaign_id=by.campaign_id, signature=by, body="Not\nforgotten.", locale="en", made_at=clock.now())
    db.session.add(said)
    db.session.flush()
    return said.id


def updates() -> int:
    """How many updates there are."""
    db.session.commit()
    return db.session.query(Update).count()


# import


def test_import_loads_a_campaign_once(run: Run, tmp_path: Path, client: FlaskClient) -> None:
    """It says what it loaded; the second time it refuses, and nothing is doubled."""
    file = str(campaign_file(tmp_path, "second", ("A", "B")))
    loaded = run("import", file)
    assert (loaded.exit_code, loaded.output) == (0, "Loaded second: 2 people, 2 languages.\n")
    assert client.get("/ur/second/").status_code == 200
    before = updates()
    assert refused(run("import", file), "second", "taken")
    assert updates() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["new.toml", "cannot be read"]),
        ("slug = ", ["new.toml", "cannot be read"]),
        ('slug = "new"', ["does not fit"]),
        ('slug = "new"\nlanguage = "en"\ngoal = 1\ncolour = 1', ["colour"]),
        ('slug = "new"\nlanguage = "en"\ngoal = 1', ["texts"]),
        (
            'slug = "new"\nlanguage = "en"\ngoal = 1\n[texts.ur]\ntitle = "T"\nsummary = "S"\nbody = "B"\ndemands = []',
            ["original language", "en"],
        ),
    ],
)
def test_import_refuses_what_it_cannot_read(run: Run, tmp_path: Path, text: str | None, words: list[str]) -> None:
    """By the file's name, or by what does not fit; nothing is left behind."""
    file = tmp_path / "new.toml"
    if text is not None:
        file.write_text(text)
    assert refused(run("import", str(file)), *words)
    assert campaign_by_slug("new") is None


def test_what_fails_late_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    """A campaign whose last update does not fit is not half loaded."""
    file = campaign_file(tmp_path, "half", ("A",))
    file.write_text(file.read_text().replace('"A" = "missing"', '"A" = "happy"'))
    assert refused(run("import", str(file)), "happy", "missing")
    assert campaign_by_slug("half") is None


# publish, retract


def test_publish_shows_first_whom_it_will_reach(run: Run, tmp_path: Path) -> None:
    """Numbers by language, and who gets it in another; saying no writes nothing, and so does an end of input."""
    for locale, news in (("en", "all"), ("en", "status"), ("ur", "all"), ("es", "all"), ("en", "none")):
        signature(locale, news)
    file, before = str(update_file(tmp_path)), updates()
    for typed in ("n\n", ""):
        asked = run("publish", file, typed=typed)
        assert asked.exit_code == 1
        for line in (
            "release-test: status, 03 February 2024",
            "  [en] He is free (6 words)",
            "  [ur] وہ رہا ہو گئے (4 words)",
            "  Tariq Example: released",
            "  source: A newspaper",
            "It will reach 4 readers:",
            "  2 in en",
            "  1 in es, who get it in en",
            "  1 in ur",
        ):
            assert line in asked.output.splitlines()
        assert updates() == before
        assert db.session.query(Mailing).count() == 0
    news = str(update_file(tmp_path, title="News", kind="news", statuses={}))
    assert "It will reach 3 readers:" in run("publish", news, typed="n\n").output


def test_publish_publishes_once(run: Run, tmp_path: Path, client: FlaskClient) -> None:
    """After a yes or with --yes; the same update again is refused, and owes no letter."""
    signature()
    file = str(update_file(tmp_path))
    published = run("publish", file, typed="y\n")
    assert published.exit_code == 0
    assert "Published as number 2." in published.output
    assert "It will reach 1 reader:" in published.output
    assert refused(run("publish", file, "--yes"), "already")
    assert (updates(), db.session.query(Mailing).count()) == (2, 1)
    assert "He came home in the morning." in client.get(f"/en/{SLUG}/timeline/2/").text
    other = run("publish", str(update_file(tmp_path, title="News", kind="news", statuses={})), "--yes")
    assert (other.exit_code, "Publish?" in other.output) == (0, False)


def test_publish_refuses_what_does_not_fit(run: Run, tmp_path: Path) -> None:
    """Unknown campaign, person, status, kind, language; corrections without a number or with a wrong one; no text."""
    good = update_file(tmp_path).read_text()
    wrong = {
        good.replace(f'campaign = "{SLUG}"', 'campaign = "nowhere"'): "There is no campaign “nowhere”",
        good.replace("Tariq Example", "Nobody"): "Nobody",
        good.replace('"released"', '"happy"'): "“happy” is not a status; there are: missing,",
        good.replace('kind = "status"', 'kind = "rumour"'): "“rumour” is not a kind of update; there are: news,",
        good.replace('kind = "status"', 'kind = "correction"'): "names the number",
        good.replace('kind = "status"', 'kind = "correction"\ncorrects = 9'): "no published update number 9",
        good.replace('kind = "status"', 'kind = "status"\ncorrects = 1'): "names the number",
        good.replace("# en:", "# de:"): "“de” is not a language here",
        good.partition("# en:")[0]: "has no text",
        good.replace("+++", "---"): "does not begin with front matter",
        good.replace("2024-02-03", "tomorrow"): "cannot be read",
        good.replace("2024-02-03", '"2024-02-03"'): "occurred_on",
    }
    assert good not in wrong
    file, failed = tmp_path / "wrong.md", {}
    for text, words in wrong.items():
        file.write_text(text)
        try:
            result = run("publish", str(file), "--yes")
        except AssertionError as error:
            failed[words] = str(error)[:150]
            continue
        if not refused(result, words):
            failed[words] = result.output[-150:]
    assert not failed
    assert refused(run("publish", str(tmp_path / "none.md")), "none.md", "cannot be read")
    assert updates() == 1


def test_a_correction_names_what_it_corrects(run: Run, tmp_path: Path, client: FlaskClient) -> None:
    """Both entries point at each other."""
    file = update_file(tmp_path, title="Not so", kind="correction", statuses={"Tariq Example": "detained"})
    file.write_text(file.read_text().replace('kind = "correction"', 'kind = "correction"\ncorrects = 1'))
    assert run("publish", str(file), "--yes").exit_code == 0
    assert f"/en/{SLUG}/timeline/1/" in client.get(f"/en/{SLUG}/timeline/2/").text.partition("<main")[2]
    assert f"/en/{SLUG}/timeline/2/" in client.get(f"/en/{SLUG}/timeline/1/").text.partition("<main")[2]


def test_retract_takes_back_once(run: Run) -> None:
    """With a reason, which is needed; unknown numbers and campaigns are refused."""
    assert run("retract", SLUG, "1").exit_code == 2
    done = run("retract", SLUG, "1", "--reason", "A false report.")
    assert (done.exit_code, done.output) == (0, f"Retracted number 1 of {SLUG}.\n")
    assert refused(run("retract", SLUG, "1", "--reason", "x"), "retracted already")
    assert refused(run("retract", SLUG, "9", "--reason", "x"), "no published update number 9")
    assert refused(run("retract", "nowhere", "1", "--reason", "x"), "There is no campaign “nowhere”")


# moderate


def test_moderation(run: Run, client: FlaskClient) -> None:
    """What waits is listed; approved words show and are told to the signer, rejected ones never do."""
    first, second = statement(), statement(appear="count")
    listed = run("moderate", "list").output
    assert f"{first}  Ada Example, GB\n    Not\n    forgotten.\n" in listed
    assert f"{second}  (only counted), GB\n" in listed
    assert listed.endswith("2 waiting.\n")
    assert run("moderate", "reject", str(second)).exit_code == 2
    assert run("moderate", "reject", str(second), "--reason", "names a third person").output == f"Rejected {second}.\n"
    assert "forgotten" not in client.get(f"/en/{SLUG}/statements/").text
    for _ in range(2):
        assert run("moderate", "approve", str(first)).output == "Approved 1.\n"
    assert client.get(f"/en/{SLUG}/statements/").text.count("forgotten.") == 1
    assert [row.letter for row in db.session.query(Delivery)] == ["statement_published"]
    assert run("moderate", "list").output == "0 waiting.\n"
    db.session.commit()
    assert refused(run("moderate", "approve", str(first), "99"), "There is no statement 99.")
    assert refused(run("moderate", "reject", "99", "--reason", "x"), "There is no statement 99.")


# mailings


def test_mailings_are_shown_paused_and_resumed(run: Run) -> None:
    """With their counts and the reason; unknown numbers are refused."""
    by = signature()
    campaign = by.campaign
    mailing = publish(
        add_update(campaign, UpdateDraft("news", date(2024, 1, 3), {"en": ("News", "News.")})), clock.now()
    )
    assert mailing is not None
    number = str(mailing.id)
    assert run("mailings").output == f"{number}  {SLUG} number 2: sending; no readers\n"
    db.session.add(Delivery(mailing_id=mailing.id, reader=by.reader, letter="update", not_before=clock.now()))
    assert run("mailings", "pause", number).exit_code == 0
    shown = run("mailings").output
    assert f"{number}  {SLUG} number 2: paused; 1 due\n" in shown
    assert "paused by hand" in shown
    assert run("mailings", "resume", number).exit_code == 0
    assert run("mailings").output == f"{number}  {SLUG} number 2: sending; 1 due\n"
    for word in ("pause", "resume"):
        assert refused(run("mailings", word, "99"), "There is no mailing 99.")


# audit


def test_audit_finds_a_tampered_signature(run: Run) -> None:
    """0 while ledger and signatures agree, 1 when one was made to count, or to count no more, without the ledger."""
    rows = [signature() for _ in range(3)]
    whole = run("audit")
    assert (whole.exit_code, whole.output) == (0, f"{SLUG}: 3 signatures, 3 by the ledger, 3 shown: agree\n")
    rows[0].state = "invalidated"
    tampered = run("audit")
    assert (tampered.exit_code, tampered.output) == (
        1,
        f"{SLUG}: 2 signatures, 3 by the ledger, 3 shown: DIFFER\n",
    )


def test_audit_finds_a_signature_that_the_ledger_does_not_know(run: Run) -> None:
    """The numbers agree, but a signature that counts has no entry of its own in the ledger."""
    rows = [signature() for _ in range(2)]
    _secret, rows[0].commitment = new_secret()
    assert run("audit").exit_code == 1


# keys, migrate, prepare


def test_keys_are_made_once(tmp_path: Path, backend: str) -> None:
    """Readable by their owner only; a second time they stay as they are; settings are wanted first."""
    environ = {"CAMPAIGN_INSTANCE": str(tmp_path / "house")}
    assert refused(runner(environ)("keys"), "Campaign cannot start. CAMPAIGN_PUBLIC_URL is not set.")
    run = runner({**environ, "CAMPAIGN_PUBLIC_URL": "https://a.example", "CAMPAIGN_SMTP_URL": "smtp://localhost",
                  "CAMPAIGN_MAIL_FROM": "a@a.example"})  # fmt: skip
    assert run("keys").output.startswith("Made the keys in ")
    folder = tmp_path / "house" / "keys"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"sealing.public", "sealing.private", "pepper", "session"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert run("keys").output.startswith("The keys are there already: ")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_prepare_makes_a_demonstration_and_may_run_again(tmp_path: Path, backend: str) -> None:
    """In CAMPAIGN_INSTANCE and at --port; keys, campaigns and signatures stay what they were."""
    house = tmp_path / "house"
    run = runner({"CAMPAIGN_INSTANCE": str(house)})
    first = run("prepare", "--port", "7070")
    assert (first.exit_code, "http://localhost:7070/inbox/" in first.output) == (0, True), first.output
    settings = (house / "settings.env").read_text()
    assert "CAMPAIGN_PUBLIC_URL=http://localhost:7070\n" in settings
    assert "CAMPAIGN_SMTP_URL=smtp://127.0.0.1:7071\n" in settings
    keys, audited = (house / "keys" / "pepper").read_bytes(), run("audit")
    assert audited.exit_code == 0
    assert audited.output.count("agree") == 3
    second = run("prepare", "--port", "8080")
    assert second.exit_code == 0
    assert (house / "keys" / "pepper").read_bytes() == keys
    assert "localhost:8080" in (house / "settings.env").read_text()
    assert re.sub(r"\d+ shown", "", run("audit").output) == re.sub(r"\d+ shown", "", audited.output)
    assert run("mailings").output == ""


def test_prepare_leaves_an_installation_alone(tmp_path: Path, backend: str) -> None:
    """Settings that are not a demonstration's are not replaced."""
    settings = tmp_path / "settings.env"
    settings.write_text("CAMPAIGN_PUBLIC_URL=https://campaign.example\n")
    assert refused(runner({"CAMPAIGN_INSTANCE": str(tmp_path)})("prepare"), "settings.env", "CAMPAIGN_INSTANCE")
    assert settings.read_text() == "CAMPAIGN_PUBLIC_URL=https://campaign.example\n"
    assert not (tmp_path / "keys").exists()


def test_make_run_passes_the_port_on(backend: str) -> None:
    """`make run PORT=7000` prepares and starts with it."""
    done = subprocess.run(["make", "-n", "run", "PORT=7000"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "campaign prepare --port 7000" in done.stdout
    assert re.search(r"PORT=7000 \S*honcho start web worker inbox", done.stdout)


# As a process


def test_a_refusal_of_the_real_command_is_a_sentence(stack: Stack, keys: Keyring) -> None:
    """Status 1, a sentence on standard error, no traceback; in another language's terminal likewise."""
    stack.settings["LC_ALL"] = "C"
    stack.is_forked = False
    finished = stack.try_run("publish", str(update_file(stack.folder, "nowhere")), "--yes")
    assert (finished.status, finished.output) == (1, "")
    assert finished.errors == "Error: There is no campaign “nowhere”.\n"
    del stack.settings["CAMPAIGN_MAIL_FROM"]
    stopped = stack.try_run("worker")
    assert stopped.status == 1
    assert stopped.errors.startswith("Error: Campaign cannot start. CAMPAIGN_MAIL_FROM is not set. Give the sender")
