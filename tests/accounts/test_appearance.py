"""How a person wants the pages to look: kept with the account, and in the page before any script runs."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models.appearance import CHOICES, Appearance

URL = "/settings/appearance/"
ALL = {"theme": "dark", "text": "large", "width": "wide", "enter": "break", "sidebar": "closed"}


@pytest.fixture
def browser(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def html_tag(client: Client, path: str = "/") -> str:
    [tag] = re.findall(r"<html[^>]*>", client.get(path).content.decode())
    return " ".join(tag.split())


def test_nothing_chosen_leaves_it_to_the_browser(browser):
    assert html_tag(browser) == '<html lang="en" >'


def test_what_is_chosen_is_in_every_page(browser):
    assert browser.post(URL, ALL)["Location"] == URL
    for path in ("/", URL, "/settings/profile/"):
        assert html_tag(browser, path) == (
            '<html lang="en" data-theme="dark" data-kept data-text="large" data-width="wide"'
            ' data-enter="break" data-sidebar="closed">'
        )


def test_it_is_the_same_on_another_device(browser, alice):
    browser.post(URL, ALL)
    elsewhere = Client()
    elsewhere.force_login(alice)
    assert 'data-theme="dark"' in html_tag(elsewhere)


def test_it_is_nobody_elses(browser, bob):
    browser.post(URL, ALL)
    client = Client()
    assert "data-theme" not in html_tag(client, reverse("account_login"))
    client.force_login(bob)
    assert "data-theme" not in html_tag(client)


def test_the_page_shows_what_was_chosen(browser):
    browser.post(URL, ALL)
    chosen = re.findall(r'<input type="radio" name="(\w+)" value="(\w+)"[^>]* checked', browser.get(URL).content.decode())
    assert dict(chosen) == ALL


def test_the_menus_switch_keeps_the_theme_alone(browser, alice):
    browser.post(URL, ALL)
    assert browser.post(reverse("theme"), {"theme": "light"}).status_code == 204
    alice.refresh_from_db()
    assert alice.preferences == ALL | {"theme": "light"}


@pytest.mark.parametrize("name", CHOICES)
def test_what_is_no_choice_is_refused(browser, alice, name):
    assert browser.post(URL, ALL | {name: '"><script>'}).status_code == 422
    alice.refresh_from_db()
    assert alice.preferences == {}


@pytest.mark.parametrize("wrong", ["", "blue", "<b>"])
def test_the_switch_refuses_what_is_no_theme(browser, wrong):
    assert browser.post(reverse("theme"), {"theme": wrong}).status_code == 422


@pytest.mark.parametrize("stored", [{"theme": "<script>"}, {"theme": 7, "text": None, "width": ["wide"]}, {"unknown": "x"}])
def test_what_is_stored_and_unknown_counts_as_not_chosen(stored):
    assert Appearance.of(stored) == Appearance()


def test_it_costs_no_query(browser, alice):
    browser.get("/")
    counts = []
    for chosen in ({}, ALL):
        alice.preferences = chosen
        alice.save()
        with CaptureQueriesContext(connection) as queries:
            browser.get("/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
