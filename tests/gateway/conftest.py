"""What the tests of the gateway share: requests to the fake provider, and its connections closed after each test."""

from collections.abc import AsyncIterator

import pytest

from gateway import adapters


@pytest.fixture
async def closing() -> AsyncIterator[None]:
    """Close what the adapters opened on this test's loop."""
    yield
    await adapters.aclose()
