"""What a key may be used for, and from where: the limits which its owner sets."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

READ: Final = "read"
TRADE: Final = "trade"
TRANSFER: Final = "transfer"
WITHDRAW: Final = "withdraw"
MANAGE: Final = "manage"
# In the order in which they are shown.
SCOPES: Final = (READ, TRADE, TRANSFER, WITHDRAW, MANAGE)
ALL_SCOPES: Final = frozenset(SCOPES)

# Under which scope a key may use each permission of its customer (compliance.matrix.PERMISSIONS).
SCOPE_OF: Final = {
    "view": READ,
    "deposit": READ,
    "trade_spot": TRADE,
    "trade_perp": TRADE,
    "lend": TRADE,
    "borrow": TRADE,
    "transfer": TRANSFER,
    "withdraw": WITHDRAW,
    "manage_keys": MANAGE,
    "manage_members": MANAGE,
    "manage_accounts": MANAGE,
    "guard": WITHDRAW,
}

# A limit on what is kept in the memory of each edge: answers of one list, and lists.
_ANSWERS_KEPT = 1_000
_LISTS_KEPT = 10_000

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def usual_scopes() -> list[str]:
    """Return the scopes of keys of which nothing else was said: all but managing others."""
    return [READ, TRADE, TRANSFER, WITHDRAW]


def parse_network(text: str) -> str:
    """Return an address or a network in CIDR notation, as it is kept. Raises ValueError.

    >>> parse_network("192.0.2.7"), parse_network("2001:DB8::/32")
    ('192.0.2.7', '2001:db8::/32')
    """
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text} is no address and no network such as 192.0.2.0/24") from None
    host = ipaddress.ip_interface(text).ip
    if host != network.network_address:
        raise ValueError(f"{text} is a host within a network: write {host} or {network}")
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        raise ValueError(f"{text} is an IPv4 address in IPv6 words: write {host.ipv4_mapped}")
    return str(host) if network.num_addresses == 1 else str(network)


class AllowList:
    """The networks from which a key may be used. Looks an address up once, then knows it."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._known: dict[str, bool] = {}

    def covers(self, address: str) -> bool:
        """Return whether the address is in one of the networks; what is no address is in none."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _ANSWERS_KEPT:
                self._known.clear()
            known = self._known[address] = _is_within(address, self._networks)
        return known


@lru_cache(_LISTS_KEPT)
def allow_list(networks: tuple[str, ...]) -> AllowList | None:
    """Return the list of these networks; None for no network, which is every address."""
    return AllowList(networks) if networks else None


def _is_within(address: str, networks: Iterable[_Network]) -> bool:
    try:
        host = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        # An IPv4 client on a socket that serves both.
        host = host.ipv4_mapped
    return any(host in network for network in networks)
