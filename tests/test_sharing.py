import pytest

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def test_x(stack, client):
    for p in (
        "/en/",
        "/ur/release-test/",
        "/en/release-test/timeline/1/",
        "/en/nowhere/",
        "/en/release-test/feed.atom",
        "/en/feed.atom",
        "/sitemap.xml",
        "/robots.txt",
        "/en/release-test/signatures/",
    ):
        r = client.get(p)
        print("=====", p, r.status_code, r.headers)
        print(r.text[:4600] if "<body" not in r.text else r.text.partition("<body")[0])
