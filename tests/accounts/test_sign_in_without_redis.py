"""With Redis away people still sign in, and guesses are still counted."""

import pytest
from django.core.cache import caches
from django.test import override_settings
from django.urls import reverse

from accounts.cache import RedisOrMemoryCache
from tests.people import PASSWORD

NOWHERE = {"default": {"BACKEND": "accounts.cache.RedisOrMemoryCache", "LOCATION": "redis://127.0.0.1:1"}}


@pytest.fixture
def _redis_away():
    with override_settings(CACHES=NOWHERE):
        cache = caches["default"]
        assert isinstance(cache, RedisOrMemoryCache)
        cache.memory.clear()
        yield


def sign_in(client, email, password=PASSWORD):
    return client.post(reverse("account_login"), {"login": email, "password": password})


@pytest.mark.usefixtures("_redis_away")
def test_it_signs_in_while_redis_is_away(client, alice):
    assert sign_in(client, alice.email).status_code == 302
    assert "_auth_user_id" in client.session


@pytest.mark.usefixtures("_redis_away")
def test_it_still_stops_guesses_while_redis_is_away(client, alice):
    for _ in range(5):
        sign_in(client, alice.email, "wrong horse battery")
    sign_in(client, alice.email)
    assert "_auth_user_id" not in client.session


def test_what_the_memory_counted_is_not_taken_for_what_redis_says(settings):
    cache = RedisOrMemoryCache(settings.CACHES["default"]["LOCATION"], {})
    cache.set("seen", [1.5])
    away = RedisOrMemoryCache("redis://127.0.0.1:1", {})
    assert away.get("seen") is None
    assert cache.get("seen") == [1.5]


def test_values_in_redis_are_json_and_never_a_pickle(settings):
    cache = RedisOrMemoryCache(settings.CACHES["default"]["LOCATION"], {})
    cache.set("attempts", [1.5, 2.5])
    raw = cache._cache.get_client().get(cache.make_and_validate_key("attempts"))
    assert raw == b"[1.5, 2.5]"
