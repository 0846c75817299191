"""The ids that countries give to people: how each is written, its checksum, the words that name it.

Checksums are those of `python-stdnum`, but for four that it hasn't. How a form is told:

- ALWAYS: its marks or letters and its checksum are so particular that nothing else is written so;
- SWITCHED: by itself only where the country is switched on;
- NAMED: only after a word that names it, as every other form is too, everywhere.
"""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from stdnum.au import tfn
from stdnum.be import nn
from stdnum.br import cnpj, cpf
from stdnum.ca import sin
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.ie import pps
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.se import personnummer
from stdnum.za import idnr as za_idnr


class When(IntEnum):
    """When a form is looked for."""

    ALWAYS = 0
    SWITCHED = 1
    NAMED = 2


class Form(NamedTuple):
    """A way to write an id: a pattern for google-re2 and `re` alike, and when it is enough."""

    pattern: str
    when: When


class Identity(NamedTuple):
    """`short_names` are words of their own, `names` may be parts of longer ones. Both without regard to case."""

    kind: str
    short_names: str
    names: str
    forms: tuple[Form, ...]
    is_valid: Callable[[str], bool]


_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", re.IGNORECASE)
_NRIC_LETTERS = {"S": "JZIHGFEDCBA", "T": "GFEDCBAJZIH", "F": "XWUTRQPNMLK", "G": "RQPNMLKXWUT", "M": "XWUTRQPNJLK"}


def _digits(value: str) -> str:
    return "".join(character for character in value if character.isdigit())


def _is_nino(value: str) -> bool:
    return _NINO.fullmatch(value.replace(" ", "")) is not None


def _is_medicare(value: str) -> bool:
    digits = _digits(value)
    weights = (1, 3, 7, 9, 1, 3, 7, 9)
    return digits[0] in "23456" and sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 10 == int(digits[8])


def _is_nric(value: str) -> bool:
    value = value.upper()
    weights = (2, 7, 6, 5, 4, 3, 2)
    total = sum(int(d) * w for d, w in zip(value[1:8], weights, strict=True)) + {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    letters = _NRIC_LETTERS.get(value[0])
    index = total % 11 if value[0] != "M" else 10 - total % 11
    return letters is not None and (letters[::-1] if value[0] == "M" else letters)[index] == value[8]


def _is_personnummer(value: str) -> bool:
    return personnummer.is_valid(value if "-" in value or "+" in value else f"{value[:-4]}-{value[-4:]}")


def _is_nif(value: str) -> bool:
    return nie.is_valid(value) if value[0].upper() in "XYZ" else dni.is_valid(value)


IDENTITIES = (
    Identity(
        "AU_MEDICARE",
        "medicare",
        "medicare",
        (Form(r"[2-6][0-9]{3} [0-9]{5} [0-9](?: ?[1-9])?", When.SWITCHED), Form("[2-6][0-9]{9,10}", When.NAMED)),
        _is_medicare,
    ),
    Identity(
        "AU_TFN",
        "tfn",
        "tax file",
        (Form("[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", When.NAMED),),
        tfn.is_valid,
    ),
    Identity(
        "BE_NN",
        "insz|niss|nn",
        "rijksregister|registre national|national register",
        (Form(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", When.ALWAYS), Form("[0-9]{11}", When.NAMED)),
        nn.is_valid,
    ),
    Identity(
        "BR_CNPJ",
        "cnpj",
        "cnpj",
        (Form(r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}", When.ALWAYS), Form("[0-9]{14}", When.SWITCHED)),
        cnpj.is_valid,
    ),
    Identity(
        "BR_CPF",
        "cpf",
        "cpf",
        (Form(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", When.ALWAYS), Form(r"[0-9]{9}-?[0-9]{2}", When.SWITCHED)),
        cpf.is_valid,
    ),
    Identity(
        "CA_SIN",
        "sin|nas",
        "social insurance|assurance sociale",
        (Form(r"[1-79][0-9]{2}-[0-9]{3}-[0-9]{3}", When.SWITCHED), Form("[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", When.NAMED)),
        sin.is_valid,
    ),
    Identity(
        "CN_RIC",
        "ric",
        "identity card|id card|resident identity|citizen id",
        (Form("[1-8][0-9]{5}(?:19|20)[0-9]{2}[01][0-9][0-3][0-9][0-9]{3}[0-9Xx]", When.ALWAYS),),
        ric.is_valid,
    ),
    Identity(
        "DE_STEUER_ID",
        "idnr|tin|steuer-?id",
        "steuer-?id|steueridentifikation|identifikationsnummer|steuerliche id|tax id",
        (Form("[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}", When.NAMED), Form("[1-9][0-9]{10}", When.SWITCHED)),
        idnr.is_valid,
    ),
    Identity(
        "ES_NIF",
        "dni|nie|nif",
        "identidad",
        (Form("[0-9]{8}-?[A-Za-z]", When.SWITCHED), Form("[XYZxyz]-?[0-9]{7}-?[A-Za-z]", When.SWITCHED)),
        _is_nif,
    ),
    Identity(
        "FI_HETU",
        "hetu",
        "henkil.tunnus|personal identity code",
        (Form("[0-3][0-9][01][0-9][0-9]{2}[-+ABCDEFYXWVU][0-9]{3}[0-9A-Y]", When.ALWAYS),),
        hetu.is_valid,
    ),
    Identity(
        "FR_NIR",
        "nir|insee|nss",
        "s.curit. sociale|num.ro de s.cu|num.ro insee",
        (
            Form("[12] [0-9]{2} [0-9]{2} [0-9]{2} [0-9]{3} [0-9]{3} [0-9]{2}", When.ALWAYS),
            Form("[12][0-9]{4}(?:[0-9]{2}|2[ABab])[0-9]{8}", When.SWITCHED),
        ),
        nir.is_valid,
    ),
    Identity(
        "GB_NHS",
        "nhs",
        "nhs",
        (Form("[0-9]{3} [0-9]{3} [0-9]{4}", When.SWITCHED), Form("[0-9]{3}-?[0-9]{3}-?[0-9]{4}", When.NAMED)),
        nhs.is_valid,
    ),
    Identity(
        "GB_NINO",
        "nino|ni|n\\.i\\.",
        "national insurance|nat\\.? ?ins",
        (
            Form("[A-Za-z]{2} [0-9]{2} [0-9]{2} [0-9]{2} [A-Da-d]", When.ALWAYS),
            Form("[A-Z]{2}[0-9]{6} ?[A-D]", When.SWITCHED),
            Form("[A-Za-z]{2} ?[0-9]{6} ?[A-Da-d]", When.NAMED),
        ),
        _is_nino,
    ),
    Identity(
        "IE_PPS",
        "pps|ppsn",
        "personal public service",
        (Form("[0-9]{7}[A-W][ABHTWX]?", When.SWITCHED), Form("[0-9]{7}[A-Wa-w][ABHTWXabhtwx]?", When.NAMED)),
        lambda value: pps.is_valid(value.upper()),
    ),
    Identity(
        "IN_AADHAAR",
        "uid|uidai|aadhar",
        "aadh?aa?r",
        (Form("[2-9][0-9]{3} [0-9]{4} [0-9]{4}", When.SWITCHED), Form("[2-9][0-9]{3}-?[0-9]{4}-?[0-9]{4}", When.NAMED)),
        aadhaar.is_valid,
    ),
    Identity(
        "IN_PAN",
        "pan",
        "permanent account",
        (Form("[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", When.SWITCHED), Form("[A-Za-z]{5}[0-9]{4}[A-Za-z]", When.NAMED)),
        lambda value: pan.is_valid(value.upper()),
    ),
    Identity(
        "IT_FISCAL_CODE",
        "cf|c\\.f\\.",
        "codice fiscale|cod\\. ?fisc|fiscal code",
        (Form("[A-Za-z]{6}[0-9L-Vl-v]{2}[A-EHLMPRSTa-ehlmprst][0-9L-Vl-v]{2}[A-Za-z][0-9L-Vl-v]{3}[A-Za-z]", When.ALWAYS),),
        codicefiscale.is_valid,
    ),
    Identity(
        "MX_CURP",
        "curp",
        "curp",
        (Form("[A-Z][AEIOUX][A-Z]{2}[0-9]{2}[01][0-9][0-3][0-9][HMX][A-Z]{5}[0-9A-Z][0-9]", When.ALWAYS),),
        curp.is_valid,
    ),
    Identity(
        "NL_BSN",
        "bsn|sofi",
        "burgerservice|citizen service|sofinummer",
        (
            Form(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}", When.SWITCHED),
            Form("[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", When.NAMED),
        ),
        bsn.is_valid,
    ),
    Identity(
        "NO_FNR",
        "fnr|pnr",
        "f.dselsnummer|national identity|personnummer",
        (Form("[0-7][0-9][0-9][0-9][0-9]{2} [0-9]{5}", When.SWITCHED), Form("[0-7][0-9][0-9][0-9]{8}", When.SWITCHED)),
        fodselsnummer.is_valid,
    ),
    Identity(
        "PL_PESEL",
        "pesel",
        "pesel",
        (Form("[0-9]{2}[0-389][0-9][0-3][0-9]{6}", When.SWITCHED),),
        pesel.is_valid,
    ),
    Identity(
        "PT_NIF",
        "nif|nipc",
        "contribuinte",
        (Form("[1-35689][0-9]{2} ?[0-9]{3} ?[0-9]{3}", When.NAMED),),
        nif.is_valid,
    ),
    Identity(
        "SE_PERSONNUMMER",
        "pnr|personnr",
        "personnummer|samordningsnummer|personal number",
        (
            Form("(?:19|20)?[0-9]{2}[01][0-9][0-9]{2}[-+][0-9]{4}", When.SWITCHED),
            Form("(?:19|20)[0-9]{2}[01][0-9][0-9]{6}", When.SWITCHED),
            Form("[0-9]{2}[01][0-9][0-9]{6}", When.NAMED),
        ),
        _is_personnummer,
    ),
    Identity(
        "SG_NRIC",
        "nric|fin",
        "nric",
        (Form("[STFGM][0-9]{7}[A-Z]", When.SWITCHED), Form("[STFGMstfgm][0-9]{7}[A-Za-z]", When.NAMED)),
        _is_nric,
    ),
    Identity(
        "ZA_ID",
        "rsa id|sa id|id no|id nr",
        "south african id|id number|identity number",
        (
            Form("[0-9]{2}[01][0-9][0-3][0-9][0-9]{4}[01][89][0-9]", When.SWITCHED),
            Form("[0-9]{6} [0-9]{4} [01][0-9]{2}", When.SWITCHED),
        ),
        za_idnr.is_valid,
    ),
    # Without a check digit, so the last to be asked.
    Identity(
        "DK_CPR",
        "cpr|cpr-nr|cpr-nummer",
        "personnummer",
        (Form("[0-3][0-9][01][0-9][0-9]{2}-[0-9]{4}", When.SWITCHED), Form("[0-3][0-9][01][0-9]{7}", When.NAMED)),
        cpr.is_valid,
    ),
)
