"""National ids: by name everywhere, by form where a country is switched on, never with a wrong checksum."""

from random import Random

import pytest

from bench.redaction_ids import NAMES, bare_ids, lookalikes, named_ids
from bench.redaction_lookalikes import negatives
from telemetry.redaction import LABELS, Config, redact, redactor_for
from telemetry.redaction.identities import When

COUNTRIES = sorted({kind[:2] for kind in NAMES})
NAMED = (
    ("NHS 943 476 5919", "NHS [[GB_NHS]]"),
    ("my National Insurance number is ab 12 34 56 c", "my National Insurance number is ab 12 34 56 c"),
    ("NI number: AB 12 34 56 C.", "NI number: [[GB_NINO]]."),
    ("nino=AB123456C", "nino=[[GB_NINO]]"),
    ("SIN 130-692-544", "SIN [[CA_SIN]]"),
    ("TFN: 123 456 782", "TFN: [[AU_TFN]]"),
    ("Medicare 2123456701", "Medicare [[AU_MEDICARE]]"),
    ("Aadhaar no. 234123412346", "Aadhaar no. [[IN_AADHAAR]]"),
    ("PAN: ABCPE1234F", "PAN: [[IN_PAN]]"),
    ("CPF 39053344705", "CPF [[BR_CPF]]"),
    ("BSN is 111222333", "BSN is [[NL_BSN]]"),
    ("mi DNI es 54362315K", "mi DNI es [[ES_NIF]]"),
    ("NIE X-2482300-W", "NIE [[ES_NIF]]"),
    ("PESEL 44051401359", "PESEL [[PL_PESEL]]"),
    ("Steuer-ID 36 574 261 809", "Steuer-ID [[DE_STEUER_ID]]"),
    ("numéro de sécurité sociale 295109912611193", "numéro de sécurité sociale [[FR_NIR]]"),
    ("personnummer 811228-9874", "personnummer [[SE_PERSONNUMMER]]"),
    ('{"nif": "501964843"}', '{"nif": "[[PT_NIF]]"}'),
)
ALWAYS = (
    ("390.533.447-05", "BR_CPF"),
    ("16.727.230/0001-97", "BR_CNPJ"),
    ("AB 12 34 56 C", "GB_NINO"),
    ("RCCMNL83S18D969H", "IT_FISCAL_CODE"),
    ("BOXW310820HNERXN09", "MX_CURP"),
    ("2 95 10 99 126 111 93", "FR_NIR"),
    ("85.07.30-033.28", "BE_NN"),
    ("131052-308T", "FI_HETU"),
    ("360426199101010071", "CN_RIC"),
)
KEPT = (
    "390.533.447-06",
    "16.727.230/0001-98",
    "RCCMNL83S18D969I",
    "NHS 9434765918",
    "Aadhaar 234123412345",
    "SIN 130-692-545",
    "a sin of 1999",
    "the pan cost 123456789 lire",
    "order no. 39053344705",
    "111222333",
    "44051401359",
    "234123412346 rows",
    "LH 12 34 to Oslo",
    "BG 12 34 56 C",
    "36 574 261 809 people",
)


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_a_name_and_a_checksum_are_enough_everywhere(text, expected):
    assert redact(text).text == expected


@pytest.mark.parametrize(("value", "kind"), ALWAYS)
def test_a_form_like_no_other_is_enough_everywhere(value, kind):
    assert redact(f"it is {value}, so").text == f"it is [[{kind}]], so"


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_an_id_stays(text):
    assert redact(text).text == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("943 476 5919", "GB_NHS"),
        ("AB123456C", "GB_NINO"),
        ("2341 2341 2346", "IN_AADHAAR"),
        ("ABCPE1234F", "IN_PAN"),
        ("39053344705", "BR_CPF"),
        ("1112.22.333", "NL_BSN"),
        ("54362315K", "ES_NIF"),
        ("44051401359", "PL_PESEL"),
        ("36574261809", "DE_STEUER_ID"),
        ("19811228-9874", "SE_PERSONNUMMER"),
        ("211062-5629", "DK_CPR"),
        ("15108695088", "NO_FNR"),
        ("S1234567D", "SG_NRIC"),
        ("7503305044089", "ZA_ID"),
        ("6433435F", "IE_PPS"),
    ],
)
def test_a_country_that_is_switched_on_is_known_by_form(value, kind):
    redactor = redactor_for(Config(national_ids=frozenset({kind[:2]})))
    assert redactor.redact(f"it is {value}, so").text == f"it is [[{kind}]], so"
    assert kind not in redact(f"it is {value}, so").kinds


def test_recall_by_name_is_whole():
    assert [s for s in named_ids(Random(7), 3) if s.value in redact(s.text).text or s.kind not in redact(s.text).kinds] == []


def test_recall_by_form_is_whole():
    missed = [s for s in bare_ids(Random(8), 3, when=When.ALWAYS) if s.kind not in redact(s.text).kinds]
    switched = list(bare_ids(Random(9), 3, when=When.SWITCHED))
    for country in COUNTRIES:
        redactor = redactor_for(Config(national_ids=frozenset({country})))
        missed += [s for s in switched if s.kind[:2] == country and s.kind not in redactor.redact(s.text).kinds]
    assert missed == []


def test_look_alikes_are_no_ids():
    samples = [*negatives(Random(10), 8), *lookalikes(Random(10), 8)]
    for redactor in (redactor_for(), *(redactor_for(Config(national_ids=frozenset({c}))) for c in COUNTRIES[::4])):
        wrong = [sample for sample in samples if not NAMES.keys().isdisjoint(redactor.redact(sample.text).kinds)]
        assert len(wrong) <= len(samples) * 0.005


@pytest.mark.parametrize("kind", NAMES)
def test_every_id_has_a_label(kind):
    assert LABELS[kind]


def test_every_split_gives_what_the_whole_gives():
    redactor = redactor_for(Config(national_ids=frozenset(COUNTRIES)))
    for text in [text for text, _ in NAMED] + [f"it is {value} now" for value, _ in ALWAYS] + list(KEPT):
        whole = redactor.redact(text)
        for place in range(len(text) + 1):
            stream = redactor.stream()
            assert stream.feed(text[:place]) + stream.feed(text[place:]) + stream.flush() == whole.text
            assert stream.kinds == whole.kinds
        assert redactor.redact(whole.text).text == whole.text
