"""IP and MAC addresses."""

import ipaddress
import re
from collections.abc import Iterator

from telemetry.redaction.rules import Match, Rule, Subject

_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{6,}")
_ZONE = re.compile(r"%[A-Za-z][A-Za-z0-9]{1,14}")
_MAC = re.compile(
    r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"
)
_NETWORK = re.compile(r"/([0-9]{1,2})(?![0-9])")
_VERSION_BEFORE = re.compile(
    r"(?i:\b(?:version|ver|release|rev|build|firmware|oid|sections?|chapter|v)[\s:=.-]{0,3}|identifier\W{1,3}|[=<>~!]=\s?|[~^]|[a-z]/)\Z"
)
_DOCUMENTATION = frozenset({0xC00002, 0xC63364, 0xCB0071, 0xE9FC00})  # 192.0.2, 198.51.100, 203.0.113, 233.252.0
_DOCUMENTATION_IPV6 = (ipaddress.IPv6Network("2001:db8::/32"), ipaddress.IPv6Network("3fff::/20"))
_DOCUMENTATION_MAC = "00005e0053"


def find_ipv4(subject: Subject) -> Iterator[Match]:
    """Addresses of hosts; not versions, networks (10.0.0.0/8), masks, loopback or documentation ranges."""
    for found in _IPV4.finditer(subject.text, subject.start):
        start, end = found.span()
        if not _touches(subject, start, end, ".") and not _is_kept_ipv4(subject, found[0], start=start, end=end):
            yield Match(start, end, "IP", 10)


def _touches(subject: Subject, start: int, end: int, mark: str) -> bool:
    """Whether the value goes on, before or after, over `mark` or at once."""
    text = subject.text
    if subject.follows_word(start) or subject.precedes_word(end):
        return True
    if text[end : end + 1] == mark and subject.precedes_word(end + 1):
        return True
    return start > 1 and text[start - 1] == mark and subject.follows_word(start - 1)


def _is_kept_ipv4(subject: Subject, value: str, *, start: int, end: int) -> bool:
    parts = value.split(".")
    if any(len(part) > 1 and (part[0] == "0" or int(part) > 255) for part in parts) or len(value) == 7:
        return True  # no address; and 1.2.3.4 is a version or a section more often than a host
    address = int.from_bytes(map(int, parts))
    if address >> 24 in {0, 127} or address >> 28 >= 14 or address >> 8 in _DOCUMENTATION:
        return True  # this host, groups, masks
    network = _NETWORK.match(subject.text, end)
    if network and int(network[1]) < 32 and address & ((1 << (32 - int(network[1]))) - 1) == 0:
        return True
    return _VERSION_BEFORE.search(subject.before(start, 16)) is not None


def find_ipv6(subject: Subject) -> Iterator[Match]:
    """Addresses with the look of a real one: `a::b` in code is none."""
    text = subject.text
    if text.count(":", subject.start) < 2:
        return
    for found in _IPV6.finditer(text, subject.start):
        value = found[0].rstrip(".")
        if value.endswith(":") and not value.endswith("::"):
            value = value[:-1]
        start = found.start()
        if value.startswith(":") and not value.startswith("::"):
            value, start = value[1:], start + 1
        end = start + len(value)
        is_network = text[end : end + 1] == "/" and (value.endswith("::") or value.startswith("::ffff:0:0"))
        if not is_network and not _touches(subject, start, end, ":") and _is_ipv6(value):
            zone = _ZONE.match(text, end)
            yield Match(start, zone.end() if zone else end, "IP", 9)


def _is_ipv6(value: str) -> bool:
    first = value.split(":", maxsplit=1)[0]
    if value.count(":") < 2 or len(first) in {1, 2} or not any(character.isdigit() for character in value):
        return False
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or any(address in network for network in _DOCUMENTATION_IPV6))


def find_mac(subject: Subject) -> Iterator[Match]:
    """Hardware addresses; not the parts of longer fingerprints, nor all zeros, broadcast and documentation."""
    for found in _MAC.finditer(subject.text, subject.start):
        value, (start, end) = found[0], found.span()
        mark = ":" if ":" in value else "-" if "-" in value else "."
        digits = value.replace(mark, "").lower()
        if _touches(subject, start, end, mark) or digits.startswith(_DOCUMENTATION_MAC) or set(digits) in ({"0"}, {"f"}):
            continue
        if mark == ":" or not digits.isdigit():
            yield Match(start, end, "MAC", 8)


RULES = (
    Rule(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9][0-9.]*", find_ipv4),
    Rule(r"[0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:|::[0-9A-Fa-f]", find_ipv6),
    Rule(r"[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}", find_mac),
)
