"""Whole programs: killed, forked, ended. Each is a Python process of its own with the client in it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.sdk.intake import KEY

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import os, sys, time
from ollive_sdk import Recorder
recorder = Recorder(sys.argv[1], {key!r}, spool=sys.argv[2] or None)
def record(first, last):
    for number in range(first, last):
        recorder.record(status="success", model="m", metadata={{"number": number}})
"""


def begin(program, url, spool=""):
    source = HEAD.format(key=KEY) + textwrap.dedent(program)
    command = [sys.executable, "-W", "error", "-c", source, url, str(spool)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(program, url, spool=""):
    """What it wrote to standard error, and how long it took."""
    began = time.monotonic()
    process = begin(program, url, spool)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    return said, time.monotonic() - began


def numbers(intake):
    return sorted(event["metadata"]["number"] for event in intake.events)


def test_a_program_that_ends_at_once_has_its_events_sent(intake):
    said, _ = run("record(0, 500)", intake.url)
    assert numbers(intake) == list(range(500))
    assert said == ""


def test_a_program_ends_though_the_server_hangs(intake):
    """And what the server did not answer for goes to nobody, which is said."""
    intake.delay = 8
    said, seconds = run("record(0, 5)", intake.url)
    assert seconds < intake.delay
    assert "are being dropped" in said


def test_what_a_killed_program_had_on_the_disk_is_sent_by_the_next(intake, refusing_url, tmp_path):
    """The server is away, the program writes to its spool; kill -9; the next program replays what is there."""
    program = begin(
        """
        record(0, 300)
        while recorder.counters.spooled < 300: time.sleep(0.01)
        print("kept", flush=True)
        time.sleep(60)
        """,
        refusing_url,
        tmp_path,
    )
    assert program.stdout.readline() == "kept\n"
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=10)
    assert len(list(tmp_path.glob("*.spool"))) == 1
    run("record(300, 301)\nwhile recorder.counters.replayed < 300: time.sleep(0.01)", intake.url, tmp_path)
    assert numbers(intake) == list(range(301))
    assert list(tmp_path.glob("*.spool")) == []


def test_several_programs_share_a_spool(intake, refusing_url, tmp_path):
    """Three write at once and end; two replay at once: every event comes."""
    writers = [begin(f"record({base}, {base + 100})", refusing_url, tmp_path) for base in (0, 100, 200)]
    for writer in writers:
        assert writer.wait(20) == 0
        writer.communicate()
    wait = "deadline = time.time() + 20\nwhile any(os.scandir(sys.argv[2])) and time.time() < deadline: time.sleep(0.02)"
    readers = [begin(wait, intake.url, tmp_path) for _ in range(2)]
    for reader in readers:
        assert reader.wait(30) == 0
        reader.communicate()
    assert sorted(set(numbers(intake))) == list(range(300))


def test_a_forked_child_sends_its_own_and_not_its_parents(intake):
    run(
        """
        record(0, 50)
        child = os.fork()
        record(50 if child else 100, 100 if child else 150)
        if child:
            assert os.waitpid(child, 0)[1] == 0
        """,
        intake.url,
    )
    assert numbers(intake) == list(range(150))


def test_the_children_of_multiprocessing_send_theirs(intake):
    run(
        """
        import multiprocessing
        def work(first): record(first, first + 10)
        record(0, 10)
        children = [multiprocessing.get_context("fork").Process(target=work, args=[first]) for first in (10, 20)]
        for child in children: child.start()
        for child in children: child.join()
        assert [child.exitcode for child in children] == [0, 0]
        """,
        intake.url,
    )
    assert numbers(intake) == list(range(30))


def test_a_fork_while_other_threads_record_stops_nobody(intake):
    run(
        """
        import threading
        threads = [threading.Thread(target=record, args=[base, base + 300]) for base in (0, 300)]
        for thread in threads: thread.start()
        children = []
        for number in range(10):
            child = os.fork()
            if not child:
                record(1000 + number, 1001 + number)
                recorder.flush(5)
                os._exit(0)
            children.append(child)
        for thread in threads: thread.join()
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10
        """,
        intake.url,
    )
    assert numbers(intake) == [*range(600), *range(1000, 1010)]


def test_an_interrupted_program_has_its_events_sent(intake):
    # Whoever starts the tests in the background has them deaf to Ctrl-C, and what they start inherits it.
    hearing = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program = begin(f"{hearing}record(0, 20)\nprint('ready', flush=True)\ntime.sleep(60)", intake.url)
    assert program.stdout.readline() == "ready\n"
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=20)
    assert numbers(intake) == list(range(20))


@pytest.mark.parametrize("name", ["Recorder", "wrap_openai", "install"])
def test_importing_it_loads_no_foreign_package_and_starts_nothing(name):
    program = f"""
    import sys, threading
    from ollive_sdk import {name}
    foreign = {{module.partition(".")[0] for module in sys.modules}} - sys.stdlib_module_names - {{"ollive_sdk", "__main__"}}
    print(sorted(module for module in foreign if not module.startswith("_")), threading.active_count())
    """
    command = [sys.executable, "-S", "-c", textwrap.dedent(program)]
    answer = subprocess.run(command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    assert answer.stdout == "[] 1\n"
