"""What a person reads when Ollive cannot start: one sentence that says what to do, and an exit code that is not 0."""

import os
import socket

import pytest
from django.conf import settings

from ollive.up.launcher import free_port
from tests.up.installation import Installation


def sentence_of(installation):
    """The only line that is not some process's own."""
    installation.begin()
    assert installation.wait() == 1
    own = [line for line in installation.output.splitlines() if " | " not in line]
    installation.remove()
    assert len(own) == 1, own
    return own[0]


def test_a_taken_port():
    installation = Installation()
    with socket.create_server(("127.0.0.1", installation.port)):
        sentence = sentence_of(installation)
    assert sentence == f"Port {installation.port} is taken by another program: stop it, or set OLLIVE_PORT to another port."


@pytest.mark.parametrize("port", ["http", "70000", "-1"])
def test_a_port_that_is_none(port):
    assert sentence_of(Installation(OLLIVE_PORT=port)) == f"OLLIVE_PORT is {port!r} and not a port: give a number up to 65535."


def test_an_address_that_is_not_ours():
    sentence = sentence_of(Installation(OLLIVE_HOST="192.0.2.1"))
    assert sentence.startswith("Ollive cannot listen on 192.0.2.1")


def test_a_data_folder_that_is_a_file():
    installation = Installation()
    installation.data.write_text("")
    sentence = sentence_of(installation)
    assert sentence == f"The data folder {installation.data} is not a folder: move the file away, or set OLLIVE_DATA_DIR."


def test_a_data_folder_that_cannot_be_written():
    sentence = sentence_of(Installation(OLLIVE_DATA_DIR="/proc/ollive"))
    assert "cannot write to the data folder /proc/ollive" in sentence
    assert sentence.endswith("set OLLIVE_DATA_DIR.")


def test_a_broken_database_folder():
    installation = Installation()
    (installation.data / "postgres").mkdir(parents=True)
    sentence = sentence_of(installation)
    assert "holds no PostgreSQL database that can be read" in sentence


def test_a_database_folder_of_another_postgresql():
    installation = Installation()
    (installation.data / "postgres").mkdir(parents=True)
    (installation.data / "postgres" / "PG_VERSION").write_text("17\n")
    sentence = sentence_of(installation)
    assert "was written by PostgreSQL 17 and Ollive brings 18" in sentence


@pytest.mark.parametrize("url", ["nonsense", "mysql://user:secret@host/name", "postgres:///name", "postgres://host:port/name"])
def test_a_database_url_that_is_none(url):
    sentence = sentence_of(Installation(DATABASE_URL=url))
    assert sentence.startswith("DATABASE_URL is not the URL of a server")
    assert "secret@" not in sentence


def test_a_redis_url_that_is_none():
    assert sentence_of(Installation(REDIS_URL="memcached://host")).startswith("REDIS_URL is not the URL of a server")


def test_a_database_that_does_not_answer():
    port = free_port()
    sentence = sentence_of(
        Installation(DATABASE_URL=f"postgres://someone:secret@127.0.0.1:{port}/name", REDIS_URL=settings.REDIS_URL)
    )
    assert sentence.startswith(f"PostgreSQL at 127.0.0.1:{port}/name does not let us in")
    assert "secret" not in sentence


def test_a_database_that_refuses_the_password():
    server = settings.DATABASES["default"]
    url = f"postgres://{server['USER']}:wrong@127.0.0.1:{server['PORT']}/postgres"
    sentence = sentence_of(Installation(DATABASE_URL=url, REDIS_URL=os.environ["REDIS_URL"]))
    assert "password authentication failed" in sentence
    assert sentence.endswith("check DATABASE_URL.")
