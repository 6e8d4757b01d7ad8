"""Check digits of numbers that name a person or a thing of theirs."""

from __future__ import annotations

import re

_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_NIF = "TRWAGMYFPDXBNJZSQVHLCKE"


def luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1)."""
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def nhs(digits: str) -> bool:
    """The check digit of NHS numbers: modulus 11 over weights 10 to 2."""
    remainder = 11 - sum(int(d) * weight for d, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return len(digits) == 10 and remainder % 11 == int(digits[9])


def npi(digits: str) -> bool:
    """US National Provider Identifier: Luhn over 80840 and the number (45 CFR 162.406)."""
    return len(digits) == 10 and luhn(f"80840{digits}")


def iban(text: str) -> bool:
    """ISO 13616: modulus 97 of the number with its first four signs at the end is 1."""
    plain = re.sub(r"\s", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def vin(text: str) -> bool:
    """ISO 3779 with the check digit of 49 CFR 565: the ninth sign, modulus 11."""
    signs = text.upper()
    if len(signs) != 17 or any(sign not in _VIN_VALUES and not sign.isdecimal() for sign in signs):
        return False
    values = [int(sign) if sign.isdecimal() else _VIN_VALUES[sign] for sign in signs]
    rest = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return signs[8] == ("X" if rest == 10 else str(rest))


def nif(text: str) -> bool:
    """Spanish DNI and NIE: the letter is the number modulus 23."""
    plain = re.sub(r"[^0-9A-Z]", "", text.upper())
    number = {"X": "0", "Y": "1", "Z": "2"}.get(plain[0], plain[0]) + plain[1:-1]
    return number.isdecimal() and plain[-1] == _NIF[int(number) % 23]


def ip_address(text: str) -> bool:
    return all(int(part) <= 255 for part in text.split("."))


def phone(digits: str) -> bool:
    return 7 <= len(digits) <= 15 and len(set(digits)) > 1


def month_and_day(text: str) -> bool:
    first, second, _ = (int(part) for part in re.split(r"[/.-]", text))
    return first <= 12 or second <= 12


def over_89(text: str) -> bool:
    return 89 < int(text) <= 125
