"""The client as others get it: installed alone, by the lines that its README begins with."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ollive_sdk import __version__, wrap_openai
from tests.sdk.intake import KEY

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "ollive_sdk" / "README.md").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: a build leaves folders beside what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    files = ["pyproject.toml", "LICENSE", *(path.relative_to(ROOT) for path in (ROOT / "ollive_sdk").iterdir() if path.is_file())]
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    program = f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=source, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_client_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"ollive_sdk", f"ollive_sdk-{__version__}.dist-info"}
    assert {"ollive_sdk/py.typed", "ollive_sdk/README.md", "ollive_sdk/sender.py"} <= set(names)
    metadata = zipfile.ZipFile(wheel).read(f"ollive_sdk-{__version__}.dist-info/METADATA").decode()
    assert "Requires-Dist" not in metadata


def test_the_installed_wheel_runs_alone(wheel, tmp_path, intake):
    """Without site-packages: only the standard library and the wheel."""
    program = f"""
from ollive_sdk import Recorder, Stdout
import ollive_sdk
with Recorder({intake.url!r}, {KEY!r}) as recorder:
    with recorder.start("m", messages=["Hello"]) as call:
        call.finish(reply="Hi")
print(ollive_sdk.__file__)
"""
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(wheel)!r})\n{program}"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(wheel) in answer.stdout
    assert [event["phase"] for event in intake.events] == ["started", "finished"]


def test_the_five_lines_of_the_readme_record_a_call(fake_provider, intake, monkeypatch):
    lines = re.search(r"```python\n(.+?)```", README, re.DOTALL)[1]
    assert len([line for line in lines.splitlines() if line]) <= 5
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_BASE_URL", fake_provider.url)
    space: dict = {}
    exec(lines.replace("http://127.0.0.1:8000", intake.url).replace("olv_…", KEY), space)
    finished = intake.wait_for(2)[1]
    assert (finished["model"], finished["status"]) == ("gpt-4o-mini", "success")
    space["client"].close()


def test_what_the_readme_names_exists():
    import ollive_sdk

    named = {name for line in re.findall(r"from ollive_sdk import (.+)", README) for name in line.split(", ")}
    assert named | {"install", "completion", "acompletion"} <= set(ollive_sdk.__all__)
    assert all(getattr(ollive_sdk, name) for name in ollive_sdk.__all__)
    assert ollive_sdk.wrap_openai is wrap_openai
