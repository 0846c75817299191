"""Tools in a reply that another model had to take over."""

import pytest

from gateway.models import Deployment, ModelAlias
from tests.chat.browser import Browser, ended
from tests.chat.tools.conftest import asks, wants
from tests.fakes.fixtures import RunningProvider


@pytest.mark.usefixtures("switched_on")
def test_a_reply_goes_on_with_the_model_that_took_it_over(as_alice: Browser, workspace, fake_provider: RunningProvider):
    alias = ModelAlias.objects.create(workspace=workspace, name="smart", path="openai/quota")
    Deployment.objects.create(alias=alias, path="openai/handy", is_fallback=True)
    fake_provider.queue("handy", wants(asks("clock")), {"chunks": ["It is late."]})
    sent = as_alice.send("What time is it?", model="smart", tools_shown="1", tools=["clock"])
    reply = ended(sent.run)
    assert (reply.status, reply.content) == ("complete", "It is late.")
    assert [seen.model for seen in fake_provider.requests] == ["quota", "handy", "handy"]
