"""Numbers that carry their own proof: cards, bank accounts, American social security and taxpayer numbers."""

import re
from collections.abc import Iterator

from telemetry.redaction.rules import Match, Rule, Subject, unattached

_GROUP = re.compile(r"[0-9]+")
_LONG_RUN = re.compile(r"[0-9](?:[ -]?[0-9]){11,}")
_SSN = re.compile(rf"[0-9]{{3}}{unattached('[0-9]{3}')}([- .]?)[0-9]{{2}}\1[0-9]{{4}}(?![0-9A-Za-z])")
_SHAPES: dict[int, tuple[tuple[int, ...], ...]] = {  # how cards are printed, by the length of the first group
    4: ((4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (4, 4, 4, 4, 1), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 5, 6), (4, 3, 3, 3)),
    6: ((6, 13),),
}
_DOUBLED = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))
_PLAIN = bytes.maketrans(b"0123456789", bytes(range(10)))
_CARD_CONTEXT = re.compile(r"(?i:card|maestro|debit|credit|visa|\bpan\b|\bcc\b)[^0-9\[\]\n]{0,20}\Z")
_SSN_CONTEXT = re.compile(r"(?i:\bssn|social\s?security|soc\.?\s?sec|\bitin|\btin|tax(?:payer)?[\s-]?id)[^0-9\[\]\n]{0,28}\Z")
_IBAN_HEAD = re.compile(r"[A-Za-z]{2}[0-9]{2}")
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (
        pair.split(":")
        for pair in (
            "15:NO 16:BE 18:DK,FK,FI,FO,GL,NL,SD 19:MK,SI 20:AT,BA,EE,KZ,LT,LU,MN,XK 21:CH,HR,LI,LV 22:BG,BH,CR,DE,GB,GE,IE,ME,RS"
            " 22:VA 23:AE,GI,IL,IQ,OM,SO,TL 24:AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG 25:LY,PT,ST 26:IS,TR 27:BI,DJ,FR,GR,IT,MC,MR,SM"
            " 28:AL,AZ,BY,CY,DO,GT,HN,HU,LB,NI,PL,SV 29:BR,EG,PS,QA,UA 30:JO,KW,MU,YE 31:MT,SC 32:LC 33:RU"
        ).split()
    )
    for country in countries.split(",")
}


def find_cards(subject: Subject) -> Iterator[Match]:
    """12 to 19 digits of a card issuer with a right Luhn digit, plain or printed in groups; not inside longer runs."""
    text = subject.text
    for run in _LONG_RUN.finditer(text, subject.start):
        spans = [group.span() for group in _GROUP.finditer(text, *run.span())]
        lengths = tuple(end - start for start, end in spans)
        for index, (start, end) in enumerate(spans):
            if lengths[index] not in _SHAPES and lengths[index] < 12:
                continue
            stop = _printed_end(subject, spans[index:], lengths[index:])
            if not stop and 12 <= lengths[index] <= 19 and _is_card(text[start:end], "", subject, start):
                stop = end
            if stop and not subject.is_inside_number(start, stop):
                yield Match(start, stop, "CARD", 7)


def _printed_end(subject: Subject, spans: list[tuple[int, int]], lengths: tuple[int, ...]) -> int:
    """Where the card ends that is printed in groups from the first of these on; 0 if none is."""
    for shape in _SHAPES.get(lengths[0], ()):
        if lengths[: len(shape)] != shape:
            continue
        value, mark = subject.text[spans[0][0] : spans[len(shape) - 1][1]], subject.text[spans[0][1]]
        if value.count(mark) == len(shape) - 1 and _is_card(value.replace(mark, ""), mark, subject, spans[0][0]):
            return spans[len(shape) - 1][1]
    return 0


def _is_card(digits: str, mark: str, subject: Subject, start: int) -> bool:
    if not passes_luhn(digits):
        return False
    if is_issued(digits) and (mark or 14 <= len(digits) <= 16):  # plain numbers of 17 to 19 digits are ids by far
        return True
    return digits[0] not in "0789" and _CARD_CONTEXT.search(subject.before(start)) is not None


def is_issued(digits: str) -> bool:
    """Whether a card issuer uses numbers that begin and measure so."""
    length = len(digits)
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4":
        return length in {13, 16, 19}
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in {34, 37}:
        return length == 15
    if 300 <= three <= 305 or four == 3095 or two in {36, 38, 39}:
        return length == 14 or 16 <= length <= 19
    if four == 6011 or 644 <= three <= 649 or two in {62, 65, 81} or 3528 <= four <= 3589 or 2200 <= four <= 2204:
        return 16 <= length <= 19
    return length in {16, 18, 19} and (two in {50, 56, 57, 58, 60, 61, 63, 66, 67, 68, 69} or four == 9792)


def passes_luhn(digits: str) -> bool:
    """The check digit of cards."""
    plain = digits.encode()
    total = sum(plain[-1::-2].translate(_PLAIN)) + sum(plain[-2::-2].translate(_DOUBLED))
    return total % 10 == 0 and digits.strip(digits[0]) != ""


def find_ssn(subject: Subject) -> Iterator[Match]:
    """Social security and taxpayer numbers in ranges that are given out; without dashes only after words that name them."""
    text = subject.text
    for found in _SSN.finditer(text, subject.start):
        start, end = found.span()
        mark = found[1]
        kind = _kind_of_ssn(found[0].replace(mark, "") if mark else found[0])
        if not kind or subject.is_inside_number(start, end) or _goes_on(text, start, end, mark):
            continue
        if mark == "-" or _SSN_CONTEXT.search(subject.before(start)):
            yield Match(start, end, kind, 7)


def _goes_on(text: str, start: int, end: int, mark: str) -> bool:
    """Whether further digits are joined to the number by the mark that its groups are joined by."""
    if not mark:
        return False
    after = text[end : end + 2]
    before = text[max(0, start - 2) : start]
    return (after[:1] == mark and after[1:].isdigit()) or (before[1:] == mark and before[:1].isdigit())


def _kind_of_ssn(digits: str) -> str:
    area, group, serial = digits[:3], int(digits[3:5]), digits[5:]
    if area[0] == "9":
        is_itin = 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99
        if is_itin and serial != "0000":
            return "US_ITIN"  # the rest of the nine hundreds is given to no one, but written as examples
    return "" if area in {"000", "666"} or group == 0 or serial == "0000" else "US_SSN"


def find_ibans(subject: Subject) -> Iterator[Match]:
    """Accounts with the length of their country and a right check number."""
    text = subject.text
    for head in _IBAN_HEAD.finditer(text, subject.start):
        start = head.start()
        length = IBAN_LENGTHS.get(text[start : start + 2].upper())
        if not length or subject.follows_word(start):
            continue
        end = _end_after(text, start, length)
        if end and not subject.precedes_word(end) and has_right_check(text[start:end]):
            yield Match(start, end, "IBAN", 6)


def _end_after(text: str, start: int, count: int) -> int:
    """Where `count` letters and digits from `start` end, over single spaces and dashes; 0 if the text ends before."""
    index = start
    while count and index < len(text):
        if text[index].isalnum():
            count -= 1
        elif text[index] not in " -" or not text[index - 1].isalnum():
            return 0
        index += 1
    return 0 if count else index


def has_right_check(value: str) -> bool:
    """ISO 7064: the account moved before the country and the check digits, letters as numbers, is 1 modulo 97."""
    compact = value.replace(" ", "").replace("-", "").upper()
    if not compact.isascii():
        return False
    in_range = compact[2:4] not in {"00", "01", "99"}
    return in_range and int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


RULES = (
    Rule(r"[0-9](?:[ -]?[0-9]){11}", find_cards),
    Rule(r"[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}", find_ssn),
    Rule(rf"(?i:{'|'.join(IBAN_LENGTHS)})[0-9]{{2}}[ -]?[A-Za-z0-9]{{4}}[ -]?[A-Za-z0-9]{{4}}[ -]?[A-Za-z0-9]{{3}}", find_ibans),
)
