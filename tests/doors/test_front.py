"""What is at `/`: for a browser the chat, for a program what it has found."""

import pytest

CURL = "*/*"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accept", [CURL, "application/json"])
def test_a_program_is_told_what_it_has_found(client, db, accept):
    answer = client.get("/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.json() == {"service": "ollive", "version": "0.1.0", "status": "operational", "environment": "development"}
    assert "Accept" in answer["Vary"]


def test_a_program_is_told_no_more_when_it_has_signed_in(client, alice):
    client.force_login(alice)
    assert client.get("/", headers={"Accept": CURL}).json()["status"] == "operational"


@pytest.mark.parametrize("accept", [BROWSER, "text/html, */*"])
def test_a_browser_is_sent_to_sign_in_and_then_to_the_chat(client, alice, accept):
    assert client.get("/", headers={"Accept": accept}).status_code == 302
    client.force_login(alice)
    assert 'id="prompt"' in client.get("/", headers={"Accept": accept}).text


def test_nothing_is_posted_to_it(client, db):
    assert client.post("/", headers={"Accept": CURL}).status_code == 405
