"""Pages of the web as text, and nothing of the private network."""

import asyncio
import gzip

import pytest

from gateway import fetching
from gateway.fetching import FetchError, fetch
from gateway.pages import readable
from tests.chat.tools.conftest import Site, _running_site, site

__all__ = ["_running_site", "site"]

PRIVATE = [
    *("127.0.0.1", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "0", "0.0.0.0", "localhost", "localhost.", "LOCALHOST"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    *("10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "[fe80::1]", "224.0.0.1"),
]


@pytest.fixture
def _allowed(settings):
    settings.OLLIVE_FETCH_HOSTS = ["localhost"]


@pytest.mark.parametrize("host", PRIVATE)
async def test_no_notation_leads_into_the_private_network(site: Site, settings, host: str):
    settings.OLLIVE_FETCH_HOSTS = []
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["localhost", "127.0.0.1"]  # for providers: models choose these addresses
    with pytest.raises(FetchError):
        await fetch(f"http://{host}:{site.port}/")
    assert site.seen == []


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://example.com/", "gopher://x/", "http://", "http://user:pw@example.com/", "no address"]
)
async def test_only_the_web_is_read(address: str):
    with pytest.raises(FetchError):
        await fetch(address)


@pytest.mark.usefixtures("_allowed")
async def test_a_page_is_read_as_text(site: Site):
    url = site.put("/a/b", "<title>Tides</title><h1>Tides</h1><script>x()</script><p>See <a href='../c'>this</a>.")
    page = await fetch(url)
    assert (page.status, page.is_cut) == (200, False)
    assert page.text == f"Tides\n\n# Tides\n\nSee [this]({site.url}/c)."
    headers = {name.lower() for name in site.seen[0]["headers"]}
    assert headers <= {"host", "accept", "accept-encoding", "user-agent", "connection"}


@pytest.mark.usefixtures("_allowed")
async def test_each_hop_of_a_redirect_is_judged(site: Site):
    site.put("/one", "", status=302, Location="/two")
    site.put("/two", "", status=301, Location="/three")
    site.put("/three", "here", kind="text/plain")
    assert (await fetch(f"{site.url}/one")).text == "here"
    site.put("/in", "", status=302, Location=f"http://127.0.0.1:{site.port}/three")
    with pytest.raises(FetchError, match="private"):
        await fetch(f"{site.url}/in")
    site.put("/file", "", status=302, Location="file:///etc/passwd")
    with pytest.raises(FetchError, match="https://"):
        await fetch(f"{site.url}/file")
    site.put("/loop", "", status=302, Location="/loop")
    with pytest.raises(FetchError, match="more than 3 times"):
        await fetch(f"{site.url}/loop")


@pytest.mark.usefixtures("_allowed")
async def test_only_text_is_read_and_not_too_much(site: Site, monkeypatch):
    with pytest.raises(FetchError, match="image/png"):
        await fetch(site.put("/image", b"\x89PNG", kind="image/png"))
    with pytest.raises(FetchError, match="compressed"):
        await fetch(site.put("/bomb", gzip.compress(b"0" * 5_000_000), kind="text/plain", Content_Encoding="gzip"))
    monkeypatch.setattr(fetching, "MAX_BYTES", 1000)
    page = await fetch(site.put("/long", "x" * 5000, kind="text/plain"))
    assert (len(page.text), page.is_cut) == (1000, True)


@pytest.mark.usefixtures("_allowed")
async def test_a_proxy_of_the_environment_is_not_used(site: Site, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert (await fetch(site.put("/x", "here", kind="text/plain"))).text == "here"


@pytest.mark.usefixtures("_allowed")
async def test_a_fetch_ends_when_it_is_left(site: Site):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await fetch(f"{site.url}/slow")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>1 < 2 &amp; 3", "1 < 2 & 3"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<a href='javascript:x()'>no</a>", "no"),
        ("<!-- <p>no --><style>a>b</style>yes", "yes"),
        ("<script>if (a<b) x('</p>')</script>yes", "yes"),
        ("<script>never closed", ""),
        ("", ""),
    ],
)
def test_what_is_not_read_is_left_out(html: str, text: str):
    assert readable(html, base="https://example.com/") == text


@pytest.mark.parametrize("piece", ["<a ", "<!", "<div>", "<a href=x>", "<!--", "&", "<a href=x>w</a>"])
def test_no_page_is_slow_to_read(piece: str):
    readable(piece * (400_000 // len(piece)), base="https://example.com/")  # of minutes, pytest's timeout makes a failure
