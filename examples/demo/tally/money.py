"""Amounts of money, as whole cents, so that nothing is ever rounded."""

import re

_AMOUNT = re.compile(r"(-?)([0-9]+)(?:\.([0-9]{1,2}))?")


def parse(text: str) -> int:
    """Read an amount such as ``3``, ``3.5`` or ``-0.05`` as cents."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no amount")
    sign, whole, rest = match.groups(default="")
    cents = int(whole) * 100 + int(rest.ljust(2, "0"))
    return -cents if sign else cents


def show(cents: int) -> str:
    """Write cents as an amount with two decimals."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole}.{rest:02}"
