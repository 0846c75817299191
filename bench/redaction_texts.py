"""Texts to time the redactor on: clean ones as they are met, and strings made to slow each rule down."""

import argparse
import base64
from collections.abc import Callable
from pathlib import Path
from random import Random

SENTENCES = (
    "The river had risen during the night, and by morning the lower fields were under water. ",
    "She counted the chairs twice, found three missing, and went to look for them in the hall. ",
    "In 2024 the town had 1,204 households; a survey of 300 of them took about six weeks. ",
    "Nobody had told them that the train would leave at 10:30 instead of 11:00, so they waited. ",
    "It costs $1,299.00 today, 15% less than last year, and version 2.4.1 is said to be faster. ",
)
MARKDOWN = (
    "## Which one to take\n\nThe **second** option is usually right: see [the guide](https://example.com/docs/guide?page=2#top).\n\n"
    "- It needs `python >= 3.11` and about 200 MB of memory.\n- It starts in 1.2 s, and handles 450 requests a second.\n\n"
    "```python\ndef total(rows: list[Row]) -> Decimal:\n    return sum((row.amount for row in rows), Decimal(0))\n```\n\n"
    "| size | time |\n|---|---|\n| 10 | 0.1 ms |\n| 1000 | 9.7 ms |\n\n"
)
LOG_LINE = (
    '{{"level": "info", "event": "call finished", "timestamp": "2026-11-21T05:{0:02d}:07.123456Z", "model": "gpt-4o-mini", '
    '"conversation": "7d9f3c1e-52b0-4a8d-9c6e-0b1f2a3c4d{0:02d}", "prompt_tokens": 412, '
    '"completion_tokens": 96, "ttft_ms": 341.7}}\n'
)
FRENCH = "Le café était fermé — « pourquoi ? » demanda-t-elle… C’est l’été, et la fête a déjà commencé. 😀 "
CHINESE = "今天天气很好，我们去公园散步吧。这是一个测试文本，用来测量速度。"
DIRTY = "Contact bob@example.com or call 415-555-0132 about order 12345 placed on 2024-01-15 10:30:00.\n"


def clean_texts(size: int) -> dict[str, str]:
    """Texts without values, of about `size` characters each."""
    units = {
        "prose": "".join(SENTENCES),
        "Markdown reply": MARKDOWN,
        "JSON log lines": "".join(LOG_LINE.format(number) for number in range(60)),
        "Python source": Path(argparse.__file__).read_text(),
        "French": FRENCH,
        "Chinese": CHINESE,
    }
    return {name: (unit * (size // len(unit) + 1))[:size] for name, unit in units.items()}


UNITS = {
    "email": ("a@", "aa@b.", "@", "a" * 60 + "@", "a%40b", "天@", "bob@example.com "),
    "phone": ("1 ", "(1) ", "+1 ", "1-", "415 555 ", "01 23 ", "415-555-", "phone 12345678 ", "+14155550132 ", "020 7946 0958 "),
    "card": ("4111 1111 ", "4", "4111-", "4111111111111111 "),
    "ssn": ("123-45-", "536-22-1234 ", "ssn 123456789a "),
    "iban": ("DE89 3704 ", "DE89", "GB29NWBK", "DE89370400440532013000 "),
    "ip, mac": ("1.2.3.", "81.2.69.142 ", "abc:", "2a00:1450:4009:81a::200e ", "aa:", "aa:bb:cc:dd:ee:0f "),
    "url": ("://", "a://b:", "://:a:b@", "a://b:c1d@e "),
    "jwt": ("eyJ", "eyJhbGciOiJ", "eyJhbGciOiJIUzI1NiJ9.e30.abcd "),
    "private key": ("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-", "-----BEGIN PRIVATE KEY-----\n" + "A" * 20 + "\n"),
    "api key": ("sk-", "ghp_", "AKIA", "sk-ant-", "AKIAIOSFODNN7EXAMPLE "),
    "national id": ("AB 12 ", "NHS 943 476 5919 ", "390.533.447-05 ", "sin 1 ", "RCCMNL83S18D969H "),
    "named secret": (
        "key=",
        "token: ",
        "password: hunter2 ",
        'password"""',
        "Bearer ",
        "--token ",
        "password=token=",
        '"password": "a1,b" ',
    ),
    "none": (
        "0123456789abcdef",
        "a\u200b",
        "3.14159265 ",
        "550e8400-e29b-41d4-a716-446655440000 ",
        "\"'",
        "([{<",
        "AB12 ",
        "TOKEN ",
        DIRTY,
    ),
}


def _noise(random: Random, size: int, alphabet: str) -> str:
    return "".join(random.choices(alphabet, k=size))


NOISES: dict[str, Callable[[Random, int], str]] = {
    "base64": lambda random, size: base64.b64encode(random.randbytes(size)).decode()[:size],
    "digits": lambda random, size: _noise(random, size, "0123456789 -.()+/"),
    "marks": lambda random, size: _noise(random, size, "@:/.-_=+%&?#'\"()"),
    "any ASCII": lambda random, size: _noise(random, size, "".join(map(chr, range(32, 127)))),
}


def attacks(random: Random, size: int) -> dict[tuple[str, str], str]:
    """By rule and a name: strings of `size` characters that make the rule work hard. The first half of each is one too."""
    made = {(rule, unit[:28]): (unit * (size // len(unit) + 1))[:size] for rule, units in UNITS.items() for unit in units}
    return made | {("none", name): make(random, size) for name, make in NOISES.items()}
