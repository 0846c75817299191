"""Texts with known values in them, and texts that only look so: what the redactor's recall and precision are measured on.

Everything is drawn from a seeded `Random`; nothing here belongs to anyone.
"""

import base64
import json
import string
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

import phonenumbers

ALNUM = string.ascii_letters + string.digits
DASHED = ALNUM + "_-"
HEX = "0123456789abcdef"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
PROVEN = frozenset({"CARD", "IBAN", "JWT", "PRIVATE_KEY", "API_KEY", "URL_CREDENTIALS"})  # by a checksum, a prefix or a form


class Sample(NamedTuple):
    """`text` holds `value`, which is of `kind`; or nothing at all when `kind` is ''. `group` says how it was made."""

    text: str
    value: str
    kind: str
    group: str


def draw(random: Random, alphabet: str, count: int) -> str:
    """`count` characters of the alphabet."""
    return "".join(random.choices(alphabet, k=count))


def digits(random: Random, count: int) -> str:
    """`count` digits."""
    return draw(random, string.digits, count)


def with_luhn(body: str) -> str:
    """The digits with their check digit."""
    total = 0
    for index, digit in enumerate(reversed(body)):
        doubled = int(digit) * 2 if index % 2 == 0 else int(digit)
        total += doubled - 9 if doubled > 9 else doubled
    return body + str(-total % 10)


def card(random: Random) -> str:
    """A card of one of eight brands, plain or as printed."""
    prefix, length = random.choice(
        [
            ("4", 16),
            (str(random.randint(51, 55)), 16),
            (str(random.randint(2221, 2720)), 16),
            ("37", 15),
            ("6011", 16),
            ("36", 14),
            (str(random.randint(3528, 3589)), 16),
            ("62", 16),
            ("5018", 16),
            ("65", 16),
        ]
    )
    number = with_luhn(prefix + digits(random, length - 1 - len(prefix)))
    mark = random.choice(["", " ", "-"])
    cuts = {16: (4, 8, 12), 15: (4, 10), 14: (4, 10)}[length]
    parts = [number[start:end] for start, end in zip((0, *cuts), (*cuts, length), strict=True)]
    return mark.join(parts)


def iban(random: Random) -> str:
    """An account of one of twelve countries, compact or in groups of four."""
    country, length = random.choice(
        [
            ("DE", 22),
            ("FR", 27),
            ("GB", 22),
            ("NL", 18),
            ("ES", 24),
            ("IT", 27),
            ("CH", 21),
            ("BE", 16),
            ("NO", 15),
            ("MT", 31),
            ("PL", 28),
            ("SE", 24),
        ]
    )
    body = digits(random, length - 4)
    if country in {"GB", "NL", "MT"}:
        body = draw(random, string.ascii_uppercase, 4) + body[4:]
    number = "".join(str(int(character, 36)) for character in body + country + "00")
    whole = f"{country}{98 - int(number) % 97:02d}{body}"
    return random.choice([whole, " ".join(whole[index : index + 4] for index in range(0, length, 4)), whole.lower()])


def ssn(random: Random) -> str:
    """A social security number of a range that is given out."""
    area = random.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03d}-{random.randint(1, 99):02d}-{random.randint(1, 9999):04d}"


def itin(random: Random) -> str:
    """A taxpayer number."""
    return f"9{digits(random, 2)}-{random.choice([*range(50, 66), *range(70, 89), 90, 91, 92])}-{random.randint(1, 9999):04d}"


def email(random: Random) -> str:
    """An address: plain, tagged, with subdomains, in other scripts."""
    local = draw(random, string.ascii_lowercase, random.randint(3, 10))
    local += random.choice(["", "", "." + draw(random, string.ascii_lowercase, 5), "+news", "_" + digits(random, 2)])
    domain = draw(random, string.ascii_lowercase, random.randint(3, 12))
    ending = random.choice(["com", "org", "co.uk", "io", "de", "museum", "dev", "mail.example.net", "xn--p1ai"])
    if random.random() < 0.05:
        return random.choice(["δοκιμή@παράδειγμα.δοκιμή", "用户@例子.广告", "müller@büro.de", "почта@пример.рф"])
    return f"{local}@{domain}.{ending}"


def phone(random: Random) -> str:
    """A number that a numbering plan holds: international, or national with separators."""
    kinds = [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
    forms = [phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164]
    while True:
        region = random.choice(["US", "GB", "DE", "FR", "IN", "AU", "NL", "BR", "JP", "ES", "IT", "MX", "ZA", "SE"])
        number = phonenumbers.example_number_for_type(region, random.choice(kinds))
        if number is None:
            continue
        number.national_number = (number.national_number or 0) + random.randint(0, 99)
        if phonenumbers.is_valid_number(number):
            form = (
                phonenumbers.PhoneNumberFormat.NATIONAL if region in {"US", "GB", "FR", "DE"} and random.random() < 0.4 else None
            )
            return phonenumbers.format_number(number, random.choice(forms) if form is None else form)


def ip(random: Random) -> str:
    """An address of a host."""
    if random.random() < 0.3:
        return "2a0" + ":".join([draw(random, HEX, 1), *(f"{random.randrange(1, 65536):x}" for _ in range(7))])
    network = random.choice([10, 172, 192, 81, 93, 151, 185])
    return f"{network}.{random.randrange(256)}.{random.randrange(256)}.{random.randint(10, 254)}"


def mac(random: Random) -> str:
    """A hardware address."""
    pairs = [draw(random, HEX, 2) for _ in range(6)]
    return random.choice([":".join(pairs), ":".join(pairs).upper()])


def encoded(value: object) -> str:
    """base64url of the value's JSON."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def jwt(random: Random) -> str:
    """A signed token; some with a header longer than the redactor waits for."""
    header = {"alg": random.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"}
    if random.random() < 0.4:
        header["kid"] = draw(random, DASHED, random.choice([8, 40, 120]))
    payload = {
        "sub": digits(random, 10),
        "iat": 1_700_000_000 + random.randrange(10**7),
        "scope": "read " * random.randint(1, 60),
    }
    return f"{encoded(header)}.{encoded(payload)}.{draw(random, DASHED, random.choice([43, 86, 342]))}"


def private_key(random: Random) -> str:
    """A PEM block: whole or cut off, with line ends or with `\\n` spelled out."""
    name = random.choice(["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
    lines = [draw(random, ALNUM + "+/", 64) for _ in range(random.randint(2, 20))] + [
        draw(random, ALNUM, random.randint(4, 60)) + "=="
    ]
    fields = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC," + draw(random, HEX, 32), ""] if random.random() < 0.2 else []
    ending = [f"-----END {name}-----"] if random.random() < 0.8 else []
    return random.choice(["\n", "\r\n", "\\n"]).join([f"-----BEGIN {name}-----", *fields, *lines, *ending])


VENDOR_KEYS: dict[str, Callable[[Random], str]] = {
    "OpenAI": lambda r: f"sk-{draw(r, ALNUM, 20)}T3BlbkFJ{draw(r, ALNUM, 20)}",
    "OpenAI project": lambda r: f"sk-proj-{draw(r, DASHED, 74)}T3BlbkFJ{draw(r, DASHED, 74)}",
    "Anthropic": lambda r: f"sk-ant-api03-{draw(r, DASHED, 93)}AA",
    "OpenRouter": lambda r: f"sk-or-v1-{draw(r, HEX, 64)}",
    "Google": lambda r: f"AIza{draw(r, DASHED, 34)}{draw(r, ALNUM, 1)}",
    "AWS": lambda r: f"AKIA{draw(r, BASE32, 16)}",
    "Azure OpenAI": lambda r: f"{draw(r, ALNUM, 52)}JQQJ99{draw(r, ALNUM, 26)}",
    "Groq": lambda r: f"gsk_{draw(r, ALNUM, 52)}",
    "xAI": lambda r: f"xai-{draw(r, ALNUM, 80)}",
    "Hugging Face": lambda r: f"hf_{draw(r, string.ascii_letters, 34)}",
    "Replicate": lambda r: f"r8_{draw(r, ALNUM, 37)}",
    "Perplexity": lambda r: f"pplx-{draw(r, ALNUM, 48)}",
    "Fireworks": lambda r: f"fw_{draw(r, ALNUM, 24)}",
    "Together": lambda r: f"tgp_v1_{draw(r, DASHED, 43)}",
    "Cerebras": lambda r: f"csk-{draw(r, string.ascii_lowercase + string.digits, 48)}",
    "NVIDIA": lambda r: f"nvapi-{draw(r, DASHED, 63)}{draw(r, ALNUM, 1)}",
    "Databricks": lambda r: f"dapi{draw(r, HEX, 32)}",
    "Langfuse": lambda r: f"sk-lf-{draw(r, HEX, 8)}-{draw(r, HEX, 4)}-{draw(r, HEX, 4)}-{draw(r, HEX, 4)}-{draw(r, HEX, 12)}",
    "LangSmith": lambda r: f"lsv2_pt_{draw(r, HEX, 32)}_{draw(r, HEX, 10)}",
    "GitHub": lambda r: f"{r.choice(['ghp', 'gho', 'ghu', 'ghs', 'ghr'])}_{draw(r, ALNUM, 36)}",
    "GitHub fine-grained": lambda r: f"github_pat_{draw(r, ALNUM, 22)}_{draw(r, ALNUM, 59)}",
    "GitLab": lambda r: f"glpat-{draw(r, DASHED, 19)}{draw(r, ALNUM, 1)}",
    "Slack": lambda r: f"xoxb-{digits(r, 12)}-{digits(r, 12)}-{draw(r, ALNUM, 24)}",
    "Stripe": lambda r: f"{r.choice(['sk', 'rk'])}_live_{draw(r, ALNUM, r.choice([24, 99]))}",
    "Twilio": lambda r: f"SK{draw(r, HEX, 32)}",
    "SendGrid": lambda r: f"SG.{draw(r, DASHED, 22)}.{draw(r, DASHED, 42)}{draw(r, ALNUM, 1)}",
    "npm": lambda r: f"npm_{draw(r, ALNUM, 36)}",
    "PyPI": lambda r: f"pypi-AgEIcHlwaS5vcmc{draw(r, DASHED, 120)}{draw(r, ALNUM, 1)}",
    "Ollive": lambda r: f"olv_{draw(r, ALNUM, 40)}",
}


def url_credentials(random: Random) -> tuple[str, str]:
    """A URL with a password in it, and the password."""
    password = draw(random, ALNUM + "!$&*,;=-_.~%", random.randint(8, 30)).replace("%", "%2F") + draw(random, ALNUM, 2)
    scheme = random.choice(["postgres", "https", "redis", "amqp", "mongodb+srv", "mysql", "ftp"])
    user = random.choice(["", "app", "bob", "svc-reader"])
    return f"{scheme}://{user}:{password}@{random.choice(['db.internal', 'db.internal:5432', 'example.com'])}/main", password


def pair(random: Random) -> tuple[str, str]:
    """A secret known by its name alone, and the text that it stands in."""
    value = draw(random, ALNUM, random.choice([24, 32, 40])) + digits(random, 1)
    form = random.choice(
        [
            "api_key={}",
            'API_KEY="{}"',
            '"client_secret": "{}"',
            "token: {}",
            "Authorization: Bearer {}",
            "--api-key {} --verbose",
            "SECRET_KEY = '{}'",
            "https://example.com/?access_token={}&next=/",
            "X-Api-Key: {}",
            "my api key is {}",
        ]
    )
    return form.format(value), value


def password(random: Random) -> tuple[str, str]:
    """A password after its name, and the text that it stands in."""
    value = draw(random, string.ascii_lowercase, 5) + draw(random, ALNUM + "!@#$%^*", random.randint(3, 12)) + digits(random, 1)
    return random.choice(["password: {}", '"password": "{}"', "PASSWORD={}", "my password is {}", "--password {}"]).format(
        value
    ), value


FRAMES = (
    "{}",
    "Please use {} from now on.",
    "{} is the one, I think",
    "It was ({}).",
    'He wrote "{}" and left.',
    "- item: {}\n- other: none\n",
    '{{"note": "{}", "n": 3}}',
    "| name | {} |",
    "<td>{}</td>",
    "first line\n{}\nlast line",
    "see `{}` here",
    "x={};y=2",
    "{}, and so on",
    "The café’s owner — “René” — said {} … 😀",
    "请看 {} 谢谢",
)
MAKERS: dict[str, Callable[[Random], str]] = {
    "CARD": card,
    "IBAN": iban,
    "US_SSN": ssn,
    "US_ITIN": itin,
    "EMAIL": email,
    "PHONE": phone,
    "IP": ip,
    "MAC": mac,
    "JWT": jwt,
    "PRIVATE_KEY": private_key,
}
MADE_IN_TEXT = {"URL_CREDENTIALS": url_credentials, "API_KEY": pair, "PASSWORD": password}


def positives(random: Random, count: int) -> Iterator[Sample]:
    """`count` samples of each kind, and of each vendor's keys."""
    for kind, make in MAKERS.items():
        for _ in range(count):
            value = make(random)
            yield Sample(random.choice(FRAMES).format(value), value, kind, kind)
    for vendor, make in VENDOR_KEYS.items():
        for _ in range(max(1, count // 5)):
            value = make(random)
            yield Sample(random.choice(FRAMES).format(value), value, "API_KEY", vendor)
    for kind, make_both in MADE_IN_TEXT.items():
        for _ in range(count):
            text, value = make_both(random)
            yield Sample(random.choice(FRAMES[:4]).format(text), value, kind, f"{kind} in text")
