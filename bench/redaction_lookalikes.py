"""Texts that hold no value at all, but look so: identifiers, hashes, numbers of orders, versions, code, gaps for values."""

import base64
import uuid
from collections.abc import Callable, Iterator
from random import Random

from bench.redaction_corpus import ALNUM, BASE32, DASHED, FRAMES, HEX, Sample, digits, draw, encoded, with_luhn


def _isbn13(random: Random) -> str:
    body = "978" + digits(random, 9)
    check = -sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(body)) % 10
    return random.choice([f"{body}{check}", f"978-{body[3]}-{body[4:8]}-{body[8:12]}-{check}"])


def _unchecked_card(random: Random) -> str:
    right = with_luhn("4" + digits(random, 14))
    wrong = right[:-1] + str((int(right[-1]) + random.randint(1, 9)) % 10)
    return random.choice([wrong, " ".join(wrong[index : index + 4] for index in range(0, 16, 4))])


def _date(random: Random) -> str:
    year, month, day = random.randint(1990, 2030), random.randint(1, 12), random.randint(1, 28)
    clock = f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}"
    forms = [
        f"{year}-{month:02d}-{day:02d}",
        f"{day:02d}.{month:02d}.{year}",
        f"{month}/{day}/{year}",
        f"{year}{month:02d}{day:02d}",
    ]
    forms += [
        f"{year}-{month:02d}-{day:02d}T{clock}.{digits(random, 6)}Z",
        f"{year}-{month:02d}-{day:02d} {clock},{digits(random, 3)}",
    ]
    return random.choice(forms)


def _version(random: Random) -> str:
    numbers = [str(random.randint(0, 120)) for _ in range(4)]
    plain = ".".join(numbers[:3])
    return random.choice(
        [f"v{plain}", f"{plain}-rc.1", f"version {'.'.join(numbers)}", f"numpy=={plain}", f"Chrome/{'.'.join(numbers)}"]
    )


def _amount(random: Random) -> str:
    whole = f"{random.randint(1, 999)},{digits(random, 3)},{digits(random, 3)}"
    return random.choice(
        [f"${whole}.99", f"€ {whole}", f"{whole.replace(',', ' ')} people", f"USD {whole}", f"£{digits(random, 6)}"]
    )


def _order(random: Random) -> str:
    forms = [f"order #{digits(random, 9)}", f"ORD-{digits(random, 4)}-{digits(random, 6)}", f"invoice INV{digits(random, 10)}"]
    forms += [
        f"{digits(random, 3)}-{digits(random, 7)}-{digits(random, 7)}",
        f"1Z999AA1{digits(random, 10)}",
        f"ticket {digits(random, 8)}",
    ]
    return random.choice(forms)


def _stamp(random: Random) -> str:
    seconds = str(1_600_000_000 + random.randrange(10**8))
    return random.choice([seconds, seconds + digits(random, 3), seconds + digits(random, 9), "1" + digits(random, 17)])


def _hash(random: Random) -> str:
    length = random.choice([7, 32, 40, 64, 128])
    value = draw(random, HEX, length)
    pairs = ":".join(value[index : index + 2] for index in range(0, min(length, 64), 2))
    return random.choice([value, f"sha256:{value}", f"commit {value}", pairs.upper() if length >= 32 else value])


def _blob(random: Random) -> str:
    raw = random.randbytes(random.choice([30, 90, 400]))
    return random.choice([base64.b64encode(raw).decode(), f"data:image/png;base64,{base64.b64encode(raw).decode()}"])


def _documented_address(random: Random) -> str:
    tail = random.randint(1, 254)
    return random.choice(
        [
            f"127.0.0.{tail}",
            f"192.0.2.{tail}",
            f"198.51.100.{tail}",
            f"203.0.113.{tail}",
            "0.0.0.0",
            "::1",
            f"2001:db8::{tail:x}",
            "255.255.255.0",
            "10.0.0.0/8",
            "1.2.3.4",
            f"1.3.6.1.4.1.{digits(random, 5)}",
            "ff:ff:ff:ff:ff:ff",
            "00:00:5e:00:53:af",
        ]
    )


CODE = (
    "@app.route('/users')",
    "@pytest.mark.parametrize",
    "x = a@b.T",
    "img@2x.png",
    "logo@3x.webp",
    "npm install @types/node@20.1.0",
    "pip install torch@2.1.0",
    "git clone git@github.com:ollive/ollive.git",
    "std::vec::Vec",
    "a::b",
    "for i in range(0, 1234567):",
    "margin: 10px 20px 30px 40px;",
    "#ff00aa",
    "C:\\Users\\bob\\file.txt",
    "SELECT * FROM t WHERE id = 1234567",
    "const re = /[0-9]{3}-[0-9]{2}-[0-9]{4}/;",
    "0x1234567890abcdef",
    "uint64 = 18446744073709551615",
    "3.14159265358979",
    "arr[1234567] = 7654321",
    "10:30:00",
    "00:01:02:03",
    "{{ user.email }}",
    "f(x, y) = 1/(1 + e**-x)",
    "sk-estimator-doc-link",
    "sk-toggleable__label-arrow",
    "hf_hub_download",
    "max_tokens=4096",
    "total_tokens: 1234567",
    "tokenizer: cl100k_base",
    "tokenizer: meta-llama/Llama-3.1-8B-Instruct",
    "token_type: bearer",
    "password: required",
    "password: str = None",
    "password=os.environ['DB_PASSWORD']",
    "api_key=${OPENAI_API_KEY}",
    "api_key: <your-key>",
    "API_KEY=your_api_key_here",
    "secret = get_secret('db')",
    "key: user_profile_settings",
    "primary_key=True",
    "sort-key=created_at",
    "the key is under the mat",
    "export TOKEN=$TOKEN",
    "token = auth.get_access_token()",
    "postgres://user:${PASS}@db/main",
    "https://example.com:8443/path",
    "http://localhost:8080/@user/page",
    "keyboard: mechanical-87-keys",
    "Authorization: Bearer <token>",
    "password: ********",
    "sk-…",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "mailto:",
    "user@host",
    "foo@bar",
    "@bob said hi",
    "bob@",
    "me @ home",
    "1,2,3,4,5,6,7,8,9,10",
    "[1, 22, 333, 4444, 55555]",
    "10-20-30",
    "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6",
    "(1234) 5678",
    "16:9",
    "2×4",
    "100%",
    "1e-10",
    "±0.5",
    "ISO 27001:2022",
    "RFC 9110",
    "E = mc²",
    "Section 3.4.2.1",
    "pages 123-456",
    "tel aviv 2024",
    "call 911",
    "dial 112",
    "37.774929, -122.419416",
    "GPT-4o-mini-2024-07-18",
    "IBAN of Germany has 22 characters",
    "The PEM header is `-----BEGIN PRIVATE KEY-----`.",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKC\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0B\n-----END CERTIFICATE-----",
)

LOOKALIKES: dict[str, Callable[[Random], str]] = {
    "uuid": lambda r: str(uuid.UUID(int=r.getrandbits(128))),
    "uuid of digits": lambda r: "-".join(digits(r, length) for length in (8, 4, 4, 4, 12)),
    "hash": _hash,
    "base64": _blob,
    "isbn": _isbn13,
    "order": _order,
    "date": _date,
    "version": _version,
    "amount": _amount,
    "stamp": _stamp,
    "card without Luhn": _unchecked_card,
    "iban without check": lambda r: f"DE00{digits(r, 18)}",
    "ssn never given": lambda r: f"{r.choice(['000', '666'])}-{digits(r, 2)}-{digits(r, 4)}",
    "address of documents": _documented_address,
    "decimal": lambda r: f"{r.randint(0, 99)}.{digits(r, r.choice([6, 12, 16]))}",
    "json in base64": lambda r: encoded({"id": r.randrange(10**6), "cursor": draw(r, ALNUM, 20)}),
    "ulid": lambda r: "01" + draw(r, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24),
    "nanoid": lambda r: draw(r, DASHED, 21),
    "request id": lambda r: f"req_{draw(r, ALNUM, 24)}",
    "otp seed name": lambda r: draw(r, BASE32, 16).lower().translate(str.maketrans("234567", "abcdef")),
    "url": lambda r: f"https://example.com/a/{draw(r, ALNUM, 8)}/{digits(r, 7)}?page=2&sort=asc#top",
    "path": lambda r: f"/var/lib/app/{draw(r, HEX, 12)}/part-{digits(r, 5)}.parquet",
    "code": lambda r: r.choice(CODE),
}


def negatives(random: Random, count: int) -> Iterator[Sample]:
    """`count` samples of each sort, and each line of code once."""
    for group, make in LOOKALIKES.items():
        for _ in range(count):
            yield Sample(random.choice(FRAMES).format(make(random)), "", "", group)
    for line in CODE:
        yield Sample(line, "", "", "code")
