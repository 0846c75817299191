"""Addresses that are typed into the page of providers: what is refused when they are saved, and what at connect time."""

import asyncio
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway import addresses, listing, probes, sources
from gateway.adapters.sessions import GuardedResolver
from gateway.addresses import ForbiddenAddressError, PrivateAddressError, clean_base_url, require_public
from gateway.models import Provider

pytestmark = pytest.mark.django_db

# The same machine in other notations, and what readers disagree about.
ODD = (
    "http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://0177.0.0.1/ http://127.1/ http://127.0.1/ http://127.0.0.1./ "
    "http://017700000001/ https://0xA9FEA9FE/ https://2852039166/ http://0x7f.0.0.0x1/ http://127.0.0.01/"
).split()
UNREADABLE = [
    "http://１２７.0.0.1/",
    "http://127%2e0.0.1/",
    "http://[fe80::1%25eth0]/",
    "https://8.8.8.8\\@127.0.0.1/",
    "https://alice@127.0.0.1/",
    "https://a:b@127.0.0.1/",
    "http://127.0.0.1 .example.com/",
    "https://exa\tmple.com/",
    "http:///v1",
    "gopher://127.0.0.1/",
]
NEVER = (
    "http://169.254.169.254/ https://169.254.169.254/ http://[::ffff:169.254.169.254]/ http://[fd00:ec2::254]/ "
    "http://100.100.100.200/ "
    "https://168.63.129.16/ http://192.0.0.192/ http://0.0.0.0:8000/ http://[::]/ http://224.0.0.1/ http://255.255.255.255/ "
    "http://[64:ff9b::a9fe:a9fe]/ http://[2002:a9fe:a9fe::]/ http://[fe80::1]/"
).split()
PRIVATE = (
    "http://127.0.0.1:11434 https://10.0.0.5 http://192.168.1.2:8000/v1 http://[::1]:9000 http://localhost:1234 "
    "http://[::ffff:127.0.0.1]:80 http://[fd12::1]"
).split()


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def add(client: Client, url: str):
    data = {"name": "mine", "base_url": url, "api_key": "sk-of-alice-0123456789", "model_names": "plain"}
    return client.post(reverse("gateway:add_provider", args=["compatible"]), data)


def stored(workspace, url: str, allowed: str = "") -> sources.Source:
    """A provider that waits for nobody, however its address came to be stored."""
    row = Provider(
        workspace=workspace,
        name="mine",
        kind="compatible",
        base_url=url,
        private_host=allowed,
        allowed_at=timezone.now() if allowed else None,
    )
    source = sources.of_row(row)
    assert source is not None
    return source


@pytest.mark.parametrize("url", [*ODD, *UNREADABLE, *NEVER])
def test_the_page_refuses_it_and_the_owner_cannot_allow_it(client, url):
    answer = add(client, url)
    assert answer.status_code == 422
    assert "sk-of-alice" not in answer.content.decode()
    assert not Provider.objects.exists()


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_asked_about(client, url):
    assert add(client, url).status_code == 302
    row = Provider.objects.get()
    assert row.is_waiting
    assert row.private_host.rpartition(":")[2].isdigit()


def test_plain_http_to_the_open_internet_is_refused(client):
    assert "must begin with https://" in add(client, "http://8.8.8.8/v1").content.decode()


def test_a_host_is_named_with_its_port_in_one_notation():
    with pytest.raises(PrivateAddressError) as caught:
        clean_base_url("https://LOCALHOST/v1/", is_trusted=False)
    assert (caught.value.host, caught.value.url) == ("localhost:443", "https://LOCALHOST/v1")
    with pytest.raises(PrivateAddressError) as caught:
        clean_base_url("http://[0:0::1]:8000", is_trusted=False)
    assert caught.value.host == "[::1]:8000"


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "127.1", "169.254.169.254", "::1", "0.0.0.0"])
def test_numbers_are_judged_again_when_they_are_connected_to(host):
    with pytest.raises(ForbiddenAddressError):
        require_public(host, port=80)


def test_what_was_allowed_is_one_host_and_one_port():
    require_public("127.0.0.1", port=11434, allowed="127.0.0.1:11434")
    for host, port in (("127.0.0.1", 5432), ("127.0.0.2", 11434), ("10.0.0.1", 11434)):
        with pytest.raises(ForbiddenAddressError):
            require_public(host, port=port, allowed="127.0.0.1:11434")
    with pytest.raises(ForbiddenAddressError):
        require_public("169.254.169.254", port=80, allowed="169.254.169.254:80")


def test_an_allowed_server_is_reached_and_its_neighbour_is_not(workspace, fake_provider, refusing_url):
    good = stored(workspace, fake_provider.url, f"127.0.0.1:{fake_provider.port}")
    assert probes.probe(good).is_ok
    moved = stored(workspace, refusing_url, f"127.0.0.1:{fake_provider.port}")
    assert "private network, which is not allowed" in probes.probe(moved).says


class Rebinding(AbstractResolver):
    """A name that is public when it is judged, and something else when it is connected to."""

    answers: tuple[str, ...] = ()

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in self.answers
        ]

    async def close(self):
        return None


@pytest.fixture
def rebinding(monkeypatch) -> type[Rebinding]:
    monkeypatch.setattr(aiohttp, "DefaultResolver", Rebinding)
    monkeypatch.setattr(addresses, "_addresses_of", lambda _host: ["8.8.8.8"])
    monkeypatch.setattr(Rebinding, "answers", ("127.0.0.1",))
    return Rebinding


def test_a_name_that_comes_to_lead_inside_is_refused(client, workspace, rebinding, fake_provider):
    assert add(client, f"https://rebind.example.com:{fake_provider.port}/v1").status_code == 302
    row = Provider.objects.get()
    assert not row.is_waiting
    source = sources.of_row(row)
    assert source is not None
    outcome = probes.probe(source)
    assert "private network, which is not allowed" in outcome.says
    assert listing.offered(source).offers == ()
    assert fake_provider.listed_count == 0


def test_an_allowed_name_never_leads_to_metadata(rebinding, monkeypatch):
    monkeypatch.setattr(Rebinding, "answers", ("169.254.169.254", "168.63.129.16"))

    async def resolve(host: str, port: int, allowed: str):
        return await GuardedResolver(allowed).resolve(host, port)

    with pytest.raises(ForbiddenAddressError):
        asyncio.run(resolve("ollama.lan", 11434, "ollama.lan:11434"))
    monkeypatch.setattr(Rebinding, "answers", ("169.254.169.254", "192.168.1.2"))
    found = asyncio.run(resolve("OLLAMA.lan", 11434, "ollama.lan:11434"))
    assert [address["host"] for address in found] == ["192.168.1.2"]
    with pytest.raises(ForbiddenAddressError):
        asyncio.run(resolve("ollama.lan", 22, "ollama.lan:11434"))


def test_a_redirect_is_not_followed(workspace, fake_provider, monkeypatch):
    fake_provider.script("/models", status=302, body="")
    source = stored(workspace, fake_provider.url, f"127.0.0.1:{fake_provider.port}")
    outcome = probes.probe(source)
    assert not outcome.is_ok
    assert "sends the request elsewhere, which is not followed" in outcome.says
    assert fake_provider.listed_count == 1
