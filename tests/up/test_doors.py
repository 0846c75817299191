"""Where Ollive listens, and what it calls that."""

import pytest

from ollive.up import doors
from ollive.up.launcher import free_port


@pytest.mark.parametrize(
    ("host", "public", "address"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:{port}/"),
        ("0.0.0.0", "", "http://127.0.0.1:{port}/"),
        ("::1", "", "http://[::1]:{port}/"),
        ("127.0.0.1", "https://chat.example.com", "https://chat.example.com/"),
    ],
)
def test_a_person_is_given_an_address_that_they_can_type(host, public, address, monkeypatch):
    port = free_port()
    for name, value in (("OLLIVE_HOST", host), ("OLLIVE_PORT", str(port)), ("OLLIVE_PUBLIC_URL", public)):
        monkeypatch.setenv(name, value)
    with doors.open_door() as door:
        assert doors.address(door) == address.format(port=port)
