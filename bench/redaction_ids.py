"""National ids with right checksums, and the names they are written behind: drawn from a seeded `Random`, nobody's."""

import re
import string
from collections.abc import Callable, Iterator
from itertools import product
from random import Random

from bench.redaction_corpus import FRAMES, Sample
from telemetry.redaction.identities import IDENTITIES, When

DIGITS = string.digits
CAPITALS = string.ascii_uppercase
TRIES = 1000
UNCHECKED = frozenset({"DK_CPR", "GB_NINO", "IN_PAN"})  # their forms have no check digit

NAMES = {
    "AU_MEDICARE": ("Medicare number {}", "my Medicare card is {}"),
    "AU_TFN": ("TFN: {}", "tax file number {}"),
    "BE_NN": ("rijksregisternummer {}", "INSZ {}"),
    "BR_CNPJ": ("CNPJ {}", "cnpj: {}"),
    "BR_CPF": ("CPF: {}", "meu cpf é {}"),
    "CA_SIN": ("SIN {}", "social insurance number is {}"),
    "CN_RIC": ("ID card {}", "resident identity number {}"),
    "DE_STEUER_ID": ("Steuer-ID: {}", "Steueridentifikationsnummer {}"),
    "DK_CPR": ("CPR: {}", "mit CPR-nummer er {}"),
    "ES_NIF": ("DNI {}", "mi NIE es {}"),
    "FI_HETU": ("HETU {}", "henkilötunnus: {}"),
    "FR_NIR": ("NIR {}", "numéro de sécurité sociale : {}"),
    "GB_NHS": ("NHS number {}", "NHS no. {}"),
    "GB_NINO": ("NI number {}", "National Insurance: {}"),
    "IE_PPS": ("PPS number {}", "PPSN: {}"),
    "IN_AADHAAR": ("Aadhaar {}", "aadhar no: {}"),
    "IN_PAN": ("PAN: {}", "permanent account number {}"),
    "IT_FISCAL_CODE": ("codice fiscale {}", "C.F. {}"),
    "MX_CURP": ("CURP: {}", "mi CURP es {}"),
    "NL_BSN": ("BSN {}", "burgerservicenummer: {}"),
    "NO_FNR": ("fødselsnummer {}", "fnr {}"),
    "PL_PESEL": ("PESEL {}", "mój PESEL to {}"),
    "PT_NIF": ("NIF {}", "contribuinte: {}"),
    "SE_PERSONNUMMER": ("personnummer {}", "samordningsnummer: {}"),
    "SG_NRIC": ("NRIC {}", "NRIC no. {}"),
    "ZA_ID": ("SA ID {}", "identity number {}"),
}


def _of(random: Random, shape: str) -> str:
    """`#` becomes a digit, `A` a capital letter, `d` a day, `m` a month, `y` a year: two digits each."""
    made = {
        "#": lambda: random.choice(DIGITS),
        "A": lambda: random.choice(CAPITALS),
        "d": lambda: f"{random.randint(1, 28):02d}",
        "m": lambda: f"{random.randint(1, 12):02d}",
        "y": lambda: f"{random.randint(30, 99):02d}",
    }
    return "".join(made[mark]() if mark in made else mark for mark in shape)


SHAPES = {
    "AU_MEDICARE": ("2### ##### #", "4#########", "5### ##### # 1"),
    "AU_TFN": ("### ### ###", "#########"),
    "BE_NN": ("y.m.d-###.##", "ymd#####"),
    "BR_CNPJ": ("##.###.###/0001-##", "########0001##"),
    "BR_CPF": ("###.###.###-##", "###########"),
    "CA_SIN": ("1## ### ###", "5##-###-###", "7########"),
    "CN_RIC": ("11010119ymd####", "44030619ymd###X"),
    "DE_STEUER_ID": ("## ### ### ###", "###########"),
    "DK_CPR": ("dmy-####", "dmy####"),
    "ES_NIF": ("########A", "########-A", "X#######A", "Y-#######-A"),
    "FI_HETU": ("dmy-###A", "dmy-####"),
    "FR_NIR": ("1 y m 75 ### ### ##", "2ym33########"),
    "GB_NHS": ("### ### ####", "##########"),
    "GB_NINO": ("AA######A", "AA ## ## ## A"),
    "IE_PPS": ("#######A", "#######AA"),
    "IN_AADHAAR": ("#### #### ####", "############"),
    "IN_PAN": ("AAAPA####A", "AAACA####A"),
    "IT_FISCAL_CODE": ("AAAAAAyCdA###A", "AAAAAAyTdA###A"),
    "MX_CURP": ("PELRymdHDFRRL0#", "GOMCymdMJCNRS##"),
    "NL_BSN": ("#########", "####.##.###"),
    "NO_FNR": ("dmy #####", "dmy#####"),
    "PL_PESEL": ("ymd#####",),
    "PT_NIF": ("2########", "1## ### ###"),
    "SE_PERSONNUMMER": ("ymd-####", "19ymd-####", "19ymd####"),
    "SG_NRIC": ("S#######A", "T#######A", "F#######A"),
    "ZA_ID": ("ymd####08#", "ymd #### 08#"),
}
BY_KIND = {identity.kind: identity for identity in IDENTITIES}


def identity_of(random: Random, kind: str, shape: str) -> str:
    """An id of this kind with a right checksum, written so: the last two characters are tried out."""
    choices = [{"#": DIGITS, "A": CAPITALS}.get(mark, mark) for mark in shape[-2:]]
    for _ in range(TRIES):
        body = _of(random, shape[:-2])
        right = [value for ending in product(*choices) if BY_KIND[kind].is_valid(value := body + "".join(ending))]
        if right:
            return random.choice(right)
    raise LookupError(f"no {kind} like {shape}")


def is_enough(kind: str, value: str, when: When) -> bool:
    """Whether the value is told by its form alone: always, or where its country is switched on."""
    return any(form.when <= when and re.fullmatch(form.pattern, value) for form in BY_KIND[kind].forms)


def named_ids(random: Random, count: int) -> Iterator[Sample]:
    """`count` ids of each kind behind a word that names them."""
    for kind, frames in NAMES.items():
        for _ in range(count):
            value = identity_of(random, kind, random.choice(SHAPES[kind]))
            text = random.choice(("{}", "{}.", "Hi, {} thanks", "- {}\n", "({})")).format(random.choice(frames).format(value))
            yield Sample(text, value, kind, f"{kind} named")


def bare_ids(random: Random, count: int, *, when: When) -> Iterator[Sample]:
    """Ids of each kind without a name, in the forms that are enough by themselves."""
    for kind in NAMES:
        for _ in range(count):
            value = identity_of(random, kind, random.choice(SHAPES[kind]))
            if is_enough(kind, value, when):
                yield Sample(random.choice(FRAMES).format(value), value, kind, f"{kind} by its form")


def _broken(random: Random) -> str:
    """What is written like an id, with a wrong checksum."""
    while True:
        kind = random.choice([kind for kind in NAMES if kind not in UNCHECKED])
        value = _of(random, random.choice(SHAPES[kind]))
        if not any(is_enough(kind, value, When.NAMED) and BY_KIND[kind].is_valid(value) for kind in NAMES):
            return value


LOOKALIKES: dict[str, Callable[[Random], str]] = {
    "id with a wrong checksum": _broken,
    "order of nine digits": lambda r: f"order {_of(r, '#########')}",
    "order of eleven digits": lambda r: f"order no. {_of(r, '###########')}",
    "count": lambda r: f"{_of(r, '#########')} rows in {_of(r, '####')} tables",
    "years": lambda r: f"{r.randint(1950, 2030)} {r.randint(1950, 2030)} {r.randint(1950, 2030)} {r.randint(1950, 2030)}",
    "part": lambda r: f"{_of(r, 'AA')}-{_of(r, '####')}{_of(r, 'A')}",
    "flight": lambda r: f"{r.choice(('LH', 'BA', 'AF'))} {_of(r, '##')} to {r.choice(('Oslo', 'Lima'))}",
    "table": lambda r: " ".join(_of(r, "###") for _ in range(r.randint(4, 9))),
    "coordinates": lambda r: f"{_of(r, '##')}.{_of(r, '######')}, -{_of(r, '##')}.{_of(r, '######')}",
    "tracking": lambda r: f"{_of(r, 'AA')}{_of(r, '#########')}{_of(r, 'AA')}",
    "snowflake": lambda r: f"1{_of(r, '#################')}",
}


def lookalikes(random: Random, count: int) -> Iterator[Sample]:
    """`count` texts of each sort that hold no id."""
    for group, make in LOOKALIKES.items():
        for _ in range(count):
            yield Sample(random.choice(FRAMES[:4]).format(make(random)), "", "", group)
