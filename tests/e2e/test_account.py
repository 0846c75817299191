"""A person's own settings, in a real browser."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Workspace
from tests.accounts.authenticator import SECRET, code_of, with_app
from tests.e2e.axe import violations_in_both_themes
from tests.people import PASSWORD, join
from tests.server import WebServer

PAGES = (
    "/settings/profile/",
    "/settings/appearance/",
    "/settings/sign-in/",
    "/settings/sign-in/password/",
)


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    cache.clear()


@pytest.fixture
def browser(chromium, server: WebServer) -> Iterator[Callable[..., BrowserContext]]:
    """A browser in which nobody is signed in, at a name for which passkeys are allowed."""
    contexts = []

    def open_browser(*, width: int = 1280) -> BrowserContext:
        url = f"http://localhost:{urlsplit(server.url).port}"
        context: BrowserContext = chromium.new_context(base_url=url, viewport={"width": width, "height": 800})
        contexts.append(context)
        return context

    yield open_browser
    for context in contexts:
        context.close()


def enter(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def signed_in(context: BrowserContext, email: str) -> Page:
    page = context.new_page()
    enter(page, email)
    page.wait_for_url("**/")
    return page


def go_on_with_password(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


def with_virtual_key(page: Page) -> None:
    """A device that keeps passkeys and says yes to whatever it is asked."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options | {"isUserVerified": True}})


def test_a_second_step_is_set_up_and_asked_for(browser, alice):
    page = signed_in(browser(), alice.email)
    page.goto("/settings/sign-in/")
    page.get_by_role("link", name="Set up an authenticator app").click()
    go_on_with_password(page)
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    assert page.get_by_role("img", name=re.compile("QR code")).evaluate("image => image.complete && image.naturalWidth > 0")
    assert violations_in_both_themes(page) == []
    page.get_by_label("Authenticator code").fill(code_of(page.locator(".shown-once code").inner_text()))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert violations_in_both_themes(page) == []
    recovery_code = page.locator(".codes code").first.inner_text()

    elsewhere = browser(width=390).new_page()
    enter(elsewhere, alice.email)
    expect(elsewhere.get_by_role("heading", name="One more step")).to_be_visible()
    assert violations_in_both_themes(elsewhere) == []
    elsewhere.get_by_label("Code").fill("12")
    elsewhere.get_by_role("button", name="Sign in", exact=True).click()
    expect(elsewhere.get_by_text("Incorrect code.")).to_be_visible()
    elsewhere.get_by_label("Code").fill(recovery_code)
    elsewhere.get_by_role("button", name="Sign in", exact=True).click()
    expect(elsewhere.locator("#composer")).to_be_visible()


def test_a_passkey_signs_in_alone(browser, alice):
    context = browser()
    page = signed_in(context, alice.email)
    with_virtual_key(page)
    page.goto("/settings/sign-in/passkeys/add/")
    go_on_with_password(page)
    page.get_by_label("Name").fill("Laptop")
    assert violations_in_both_themes(page) == []
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/settings/sign-in/")
    expect(page.get_by_text("Laptop", exact=True)).to_be_visible()
    context.clear_cookies()
    page.goto("/accounts/login/?next=/settings/profile/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()

    page.goto("/settings/sign-in/")
    page.get_by_role("link", name="Rename Laptop").click()
    go_on_with_password(page)
    page.get_by_label("Name").fill("Old laptop")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("link", name="Remove Old laptop").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    expect(page.get_by_text("Off", exact=True)).to_be_visible()


def test_a_passkey_is_a_second_step_too(browser, alice):
    with_app(alice)
    assert SECRET
    context = browser()
    page = context.new_page()
    with_virtual_key(page)
    enter(page, alice.email)
    page.get_by_label("Code").fill(code_of())
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#composer")).to_be_visible()
    page.goto("/settings/sign-in/passkeys/add/")
    go_on_with_password(page)
    page.get_by_label("Sign in with it alone").uncheck()
    page.get_by_role("button", name="Add the passkey").click()
    page.wait_for_url("**/settings/sign-in/**")
    context.clear_cookies()
    enter(page, alice.email)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.locator("#composer")).to_be_visible()


def test_a_theme_is_the_same_on_another_device(sign_in, alice):
    page = sign_in(alice, "/settings/appearance/")
    page.get_by_label("Dark").check()
    page.get_by_label("Large").check()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")  # seen at once
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved.")
    phone = sign_in(alice, "/", width=390)
    expect(phone.locator("html")).to_have_attribute("data-theme", "dark")
    assert phone.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert phone.evaluate("getComputedStyle(document.documentElement).fontSize") == "18px"


def test_what_was_only_tried_is_not_kept(sign_in, alice):
    page = sign_in(alice, "/settings/appearance/")
    page.get_by_label("Dark").check()
    page.goto("/settings/profile/")
    expect(page.locator("html")).to_have_attribute("data-theme", "auto")


def test_the_menus_theme_reaches_the_account(sign_in, alice):
    page = sign_in(alice)
    page.locator(".user-button").click()
    with page.expect_response("**/settings/appearance/theme/") as answer:
        page.locator(".theme-switch label[title=Dark]").click()
    assert answer.value.status == 204
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(sign_in(alice).locator("html")).to_have_attribute("data-theme", "dark")


def test_enter_breaks_the_line_for_who_wants_it(sign_in, alice):
    alice.preferences = {"enter": "break"}
    alice.save()
    page = sign_in(alice)
    page.locator("#prompt").fill("one")
    page.locator("#prompt").press("Enter")
    page.locator("#prompt").press_sequentially("two")
    assert page.locator("#prompt").input_value() == "one\ntwo"
    assert page.locator("article.message").count() == 0


def test_a_session_that_is_ended_closes_its_tab(sign_in, alice):
    phone = sign_in(alice, "/", width=390)
    here = sign_in(alice, "/settings/sign-in/")
    here.get_by_role("button", name="Sign out everywhere else").click()
    dialog = here.get_by_role("dialog")
    expect(dialog).to_contain_text("Sign out everywhere else?")
    dialog.get_by_role("button", name="Cancel").click()
    assert phone.evaluate("fetch('/settings/profile/').then(answer => answer.redirected)") is False
    here.get_by_role("button", name="Sign out everywhere else").click()
    here.get_by_role("dialog").get_by_role("button", name="Sign out everywhere else").click()
    expect(here.get_by_text("You are signed out everywhere else.")).to_be_visible()
    phone.wait_for_url("**/accounts/login/**")


def test_the_browser_tells_its_time_zone(chromium, sign_in, alice):
    page = sign_in(alice)
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    page.wait_for_function("() => performance.getEntriesByName(location.origin + '/settings/profile/time-zone/').length > 0")
    alice.refresh_from_db()
    assert alice.time_zone == zone


def test_a_person_of_two_workspaces_switches_by_keyboard(sign_in, alice):
    join(alice, Workspace.objects.create(name="Looking-glass house"))
    page = sign_in(alice, "/settings/profile/")
    page.get_by_role("button", name=re.compile("Wonderland.*switch")).press("Enter")
    page.get_by_role("button", name="Looking-glass house").press("Enter")
    expect(page.get_by_role("button", name=re.compile("Looking-glass house.*switch"))).to_be_visible()
    expect(page).to_have_url(re.compile("/settings/profile/$"))


def test_the_settings_on_a_phone(sign_in, alice):
    page = sign_in(alice, "/settings/profile/", width=390)
    page.get_by_role("button", name=re.compile("all settings")).click()
    page.get_by_role("link", name="Appearance").click()
    expect(page.get_by_role("heading", name="Appearance")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(sign_in, alice, width):
    join(alice, Workspace.objects.create(name="Looking-glass house"))
    page = sign_in(alice, PAGES[0], width=width)
    found = {}
    for path in (*PAGES, "/settings/sign-in/passkeys/add/"):  # the last ends at the password
        page.goto(path)
        found[path] = violations_in_both_themes(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    found["sign in"] = violations_in_both_themes(page)
    assert found == {path: [] for path in found}
