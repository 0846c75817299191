"""Programs that end with the process that started them, and PostgreSQL under every account it can run as."""

import os
import subprocess
import sys

import psutil
import pytest

from ollive.up import launcher, postgres
from tests.up.installation import is_gone, until

ACCOUNTS = ["mapped", "nobody"] if os.geteuid() == 0 else ["same"]
PARENT = """
import subprocess, sys, time
from ollive.up.launcher import launched
child = "import time; print('up', flush=True); time.sleep(60)"
process = subprocess.Popen(launched([sys.executable, "-c", child], account=sys.argv[1]))
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("account", sorted({*ACCOUNTS, "same"} - {"nobody"}))  # who may not be able to read this Python
def test_a_launched_program_dies_with_its_parent(account):
    with subprocess.Popen([sys.executable, "-c", PARENT, account], stdout=subprocess.PIPE, text=True) as parent:
        lines = [parent.stdout.readline().strip() for _ in range(2)]
        child = psutil.Process(int(next(line for line in lines if line != "up")))
        parent.kill()
        until(lambda: is_gone(child))


def test_a_program_is_not_started_for_a_parent_that_is_gone():
    command = launcher.launched(["/bin/echo", "started"])
    command[command.index(str(os.getpid()))] = str(os.getppid())
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize("account", ACCOUNTS)
def test_postgresql_starts_under_each_account(account, monkeypatch, tmp_path_factory):
    monkeypatch.setattr(postgres, "account_without_root", lambda: account)
    folder = tmp_path_factory.getbasetemp()
    for parent in (folder, *folder.parents):
        if parent.name.startswith(("pytest-", "popen-")):  # pytest makes them for root alone
            parent.chmod(0o711)
    home = folder / account
    home.mkdir(mode=0o700)
    cluster = postgres.Cluster(home / "postgres", launcher.free_port(), postgres.make_password(), {"fsync": "off"})
    postgres.prepare(cluster)
    with subprocess.Popen(cluster.command(), stderr=subprocess.DEVNULL) as process:
        until(lambda: cluster.is_ready(process.pid))
        process.terminate()


def test_a_lock_file_whose_process_is_another_program_by_now_is_forgotten(tmp_path):
    cluster = postgres.Cluster(tmp_path / "postgres", launcher.free_port(), postgres.make_password())
    postgres.prepare(cluster)
    (cluster.folder / "postmaster.pid").write_text(f"{os.getpid()}\n")
    postgres.prepare(cluster)
    assert not (cluster.folder / "postmaster.pid").exists()


def test_a_server_that_outlived_its_supervisor_is_ended(tmp_path):
    cluster = postgres.Cluster(tmp_path / "postgres", launcher.free_port(), postgres.make_password(), {"fsync": "off"})
    postgres.prepare(cluster)
    with subprocess.Popen(cluster.command(), stderr=subprocess.DEVNULL) as orphan:
        until(lambda: cluster.is_ready(orphan.pid))
        postgres.prepare(cluster)
        assert not (cluster.folder / "postmaster.pid").exists()


def test_a_half_made_database_folder_is_made_again(tmp_path):
    cluster = postgres.Cluster(tmp_path / "postgres", launcher.free_port(), postgres.make_password())
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    postgres.prepare(cluster)
    assert (cluster.folder / "global" / "pg_control").exists()
