"""The servers that the tests themselves run on."""

import pytest
import redis
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_the_database_is_postgresql_18_in_utf8():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')")
        assert cursor.fetchone() == (18, "UTF8")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["vector", "pg_trgm"])
def test_the_database_offers_the_extension(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [name])
        assert cursor.fetchone() == (1,)


def test_the_store_answers_with_its_password_only():
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.ping()
    with redis.Redis(port=client.connection_pool.connection_kwargs["port"]) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
