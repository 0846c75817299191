"""Which addresses a provider may have, by where they were typed."""

import pytest

from gateway.addresses import clean_base_url, is_public

PRIVATE = (
    "127.0.0.1 10.1.2.3 192.168.0.1 172.16.5.4 169.254.169.254 0.0.0.0 100.64.0.1 224.0.0.1 255.255.255.255 "
    "::1 :: fe80::1 fe80::1%eth0 fc00::1 ff02::1 ::ffff:127.0.0.1 2002:7f00:1:: 64:ff9b::a00:1 nonsense"
)
NO_BASE_URL = (
    "vllm:8000 ftp://host/v1 file:///etc/passwd https:// https://alice:secret@host/v1 https://host/v1?key=1 "
    "https://host/v1#part https://[::1 http://host:99999/v1"
)
WITHOUT_TLS_OR_PRIVATE = "http://8.8.8.8/v1 https://127.0.0.1/v1 https://localhost/v1 https://[::1]/v1"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_are_known_however_they_are_dressed(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_known(address):
    assert is_public(address)


@pytest.mark.parametrize("url", ["http://vllm:8000/v1/", "http://127.0.0.1:11434/v1", "https://api.example.com/v1"])
def test_a_command_may_name_any_host(url):
    assert clean_base_url(url, is_trusted=True) == url.rstrip("/")


@pytest.mark.parametrize("url", ["", *NO_BASE_URL.split()])
def test_what_is_no_base_url_is_refused_everywhere(url):
    with pytest.raises(ValueError, match=r"^The address"):
        clean_base_url(url, is_trusted=True)


@pytest.mark.parametrize("url", WITHOUT_TLS_OR_PRIVATE.split())
def test_a_page_must_name_a_public_host_over_tls(url):
    with pytest.raises(ValueError, match="OLLIVE_PRIVATE_PROVIDER_HOSTS"):
        clean_base_url(url, is_trusted=False)


def test_a_page_may_name_a_public_host():
    assert clean_base_url("https://8.8.8.8/v1", is_trusted=False) == "https://8.8.8.8/v1"


def test_a_listed_host_may_be_private_and_plain(settings):
    settings.OLLIVE_PRIVATE_PROVIDER_HOSTS = ["vllm.internal"]
    assert clean_base_url("http://VLLM.internal:8000/v1", is_trusted=False) == "http://VLLM.internal:8000/v1"
