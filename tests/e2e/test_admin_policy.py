"""The admin works under the policy that allows no inline script and no inline style: nothing of it is refused in a browser."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Browser, ConsoleMessage, Page, Response

from accounts.models import Membership, User
from tests.people import PASSWORD, make_person

pytestmark = pytest.mark.django_db(transaction=True)


class Visit:
    """A page, and what went wrong in it."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.faults: list[str] = []
        self.base = base
        context = browser.new_context()
        context.on("page", self._listen)
        self.page = context.new_page()

    def _listen(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("response", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{self.page.url}: {message.text}")

    def _see(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.url}: {response.status}")

    def open(self, name: str, *args: object) -> None:
        self.page.goto(self.base + reverse(name, args=args), wait_until="load")


@pytest.fixture
def root(db) -> User:
    return make_person("Root", is_staff=True, is_superuser=True)


@pytest.fixture
def visit(chromium, live_server, root) -> Iterator[Visit]:
    """Root has signed in on the way to the admin."""
    visit = Visit(chromium, live_server.url)
    visit.open("admin:index")
    visit.page.fill("[name=login]", root.email)
    visit.page.fill("[name=password]", PASSWORD)
    visit.page.press("[name=password]", "Enter")
    visit.page.wait_for_url("**" + reverse("admin:index"))
    yield visit
    visit.page.context.close()


def test_lists_forms_and_confirmations_of_every_table(visit, alice, bob):
    for model in admin.site._registry:
        stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        visit.open(f"{stem}_changelist")
        row = model._base_manager.first()
        if row is None:
            continue
        visit.open(f"{stem}_change", row.pk)
        if visit.page.locator(".deletelink").count():
            visit.open(f"{stem}_delete", row.pk)
        visit.open(f"{stem}_history", row.pk)
    visit.open("admin:auth_user_password_change", alice.pk)
    assert visit.faults == []


def test_what_scripts_do_in_forms(visit, alice, workspace):
    """The password boxes that hide, the search in a list of people, the window for another row, the two lists of powers."""
    page = visit.page
    visit.open("admin:accounts_user_add")
    page.get_by_label("Disabled").check()
    page.locator("#id_password1").wait_for(state="hidden")
    visit.open("admin:accounts_membership_add")
    page.click(".field-user .select2-selection")
    page.fill(".select2-search__field", "alice")
    page.click(".select2-results__option:has-text('Alice')")
    with page.expect_popup() as opened:
        page.click("#add_id_workspace")
    window = opened.value
    window.fill("#id_name", "Looking glass")
    with window.expect_event("close"):
        window.click("[name=_save]")
    page.click("[name=_save]")
    page.wait_for_url("**/membership/")
    assert Membership.objects.filter(user=alice, workspace__name="Looking glass").exists()
    visit.open("admin:accounts_user_change", alice.pk)
    page.click("#id_user_permissions_add_all")
    page.click(".inline-group .add-row a")
    page.locator("#id_memberships-1-role, #id_memberships-2-role").last.wait_for()
    assert visit.faults == []


def test_signing_out_of_the_admin(visit):
    visit.page.click("#logout-form button")
    visit.page.wait_for_url("**" + reverse("account_login") + "**")
    assert visit.faults == []
