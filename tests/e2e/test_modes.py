"""A workspace's mode through a real browser: real values for their owner, and a refused text that is not lost."""

from playwright.sync_api import expect

from telemetry.models import RedactionPolicy
from tests.e2e.test_chat import ask
from tests.fakes.fixtures import RunningProvider

EMAIL = "alice.liddell@example.org"


def test_the_owner_reads_real_values_and_the_model_placeholders(sign_in, alice, workspace, fake_provider: RunningProvider):
    RedactionPolicy.objects.create(workspace=workspace, mode="mask")
    fake_provider.script("*", chunks=["I will write to [[EMA", "IL_1]] **today**."])
    page = sign_in(alice)
    ask(page, f"Mail {EMAIL}")

    for _ in range(2):
        expect(page.locator("article.assistant .restored")).to_have_text(EMAIL)
        expect(page.locator("article.user .restored")).to_have_text(EMAIL)
        expect(page.locator(".hint.privacy")).to_contain_text("for 24 hours")
        page.reload()
    assert EMAIL not in str(fake_provider.last.body)


def test_a_blocked_text_goes_back_into_the_box(sign_in, alice, workspace, fake_provider: RunningProvider):
    RedactionPolicy.objects.create(workspace=workspace, mode="block")
    page = sign_in(alice)
    ask(page, f"Mail {EMAIL}")

    expect(page.locator("#composer-notice")).to_contain_text("Found: e-mail.")
    expect(page.locator("#prompt")).to_have_value(f"Mail {EMAIL}")
    expect(page.locator("article")).to_have_count(0)
    assert not fake_provider.requests
