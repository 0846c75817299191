"""Which addresses a provider may have. From the environment or a command any is trusted; one that was typed into a page
must be https and public, or its host listed in `OLLIVE_PRIVATE_PROVIDER_HOSTS`, or its very host and port allowed by an
owner: when it is saved, and again when it is connected to.
"""

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
_NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]*", re.ASCII)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Where clouds tell a machine its secrets. Nobody can allow them.
_METADATA = [
    ipaddress.ip_network(network)
    for network in (
        *("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
        *("fe80::/10", "fd00:ec2::/32", "fd20:ce::/32"),
    )
]


class ForbiddenAddressError(OSError):
    """A host leads to an address that is not public. An OSError, as resolvers raise."""


class PrivateAddressError(ValueError):
    """The address is good but for being in the private network: an owner may allow it."""

    def __init__(self, url: str, host: str) -> None:
        super().__init__("The host is in a private network. List it in OLLIVE_PRIVATE_PROVIDER_HOSTS to allow it.")
        self.url = url
        self.host = host  # with its port


def clean_base_url(given: str, *, is_trusted: bool) -> str:
    """The address without its last slash. Raises ValueError with a sentence."""
    url = given.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("The address cannot be read.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("The address must begin with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("The address must not hold a name or a password.")
    if parts.query or parts.fragment:
        raise ValueError("The address must end with its path.")
    if is_trusted or is_listed(host):
        return url
    _require_plain(host, url)
    found = _addresses_of(host)
    if any(is_off_limits(address) for address in found):
        raise ValueError("This address is never allowed: machines tell their secrets there, or nobody is there.")
    if not all(is_public(address) for address in found):
        raise PrivateAddressError(url, _place(parts))
    if parts.scheme != "https":
        raise ValueError("The address must begin with https://, or its host be listed in OLLIVE_PRIVATE_PROVIDER_HOSTS.")
    return url


def _require_plain(host: str, url: str) -> None:
    """Each address has one notation here: what one reader takes for a name is a number to another."""
    if any(character.isspace() or not character.isprintable() for character in url) or "\\" in url:
        raise ValueError("The address must not hold spaces.")
    if ":" in host:
        if "%" in host:
            raise ValueError("The address must not name a network interface.")
    elif not _HOST.fullmatch(host):
        raise ValueError("Write the host with letters, digits, dots and hyphens.")
    elif is_oddly_written(host):
        raise ValueError("Write the host as four decimal numbers.")


def is_oddly_written(host: str) -> bool:
    """Whether it is an IPv4 address in another notation than four decimal numbers: 2130706433, 0x7f.1, 0177.0.0.1."""
    if not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False


def _place(parts: SplitResult) -> str:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return place(parts.hostname or "", port)


def place(host: str, port: int | None) -> str:
    """A host with its port, in one notation."""
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        host = host.lower()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_listed(host: str) -> bool:
    """Whether the operator allows this host wherever it leads."""
    return host.lower() in {name.lower() for name in settings.OLLIVE_PRIVATE_PROVIDER_HOSTS}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, however it is dressed."""
    ip = _undressed(address)
    return ip is not None and ip.is_global and not ip.is_multicast and not is_off_limits(address)


def is_off_limits(address: str) -> bool:
    """Whether an IP address is one that nobody can allow: a cloud's metadata, or no machine's."""
    ip = _undressed(address)
    if ip is None:
        return True
    is_nobodys = ip.is_unspecified or ip.is_multicast or (ip.version == 4 and ip.is_reserved)
    return is_nobodys or any(ip.version == network.version and ip in network for network in _METADATA)


def _undressed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that packets would go to in the end; None where it cannot be read."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return inner or ip
    return ip


def require_public(host: str, *, port: int | None = None, allowed: str = "") -> None:
    """Raise `ForbiddenAddressError` for an IP address that isn't public, nor `allowed` (a host with its port); names are
    judged when they are resolved.
    """
    if is_oddly_written(host):
        raise ForbiddenAddressError(f"{host} is not how an address is written.")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if is_off_limits(host) or not (is_public(host) or is_listed(host) or place(host, port) == allowed):
        raise ForbiddenAddressError(f"{host} is in a private network.")


def _addresses_of(host: str) -> list[str]:
    """Where a host leads now; nowhere is no reason to refuse it, as it is looked at again when it is connected to."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []
