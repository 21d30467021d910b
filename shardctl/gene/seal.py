"""What may stand at the end of an ID so that it cannot be mistyped, or forged."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final, Literal

from shardctl.errors import ConfigError, InvalidGene

CHECK_DIGITS: Final = 2
"""How many digits the check takes."""

_TAG_BYTES = 4
_KEY_BYTES = range(16, 65)  # https://docs.python.org/3/library/hashlib.html#hashlib.blake2b
_WIDTHS = {"hex": 2 * _TAG_BYTES, "digits": 10}


def check_digits(digits: str) -> str:
    """The two check digits to put behind decimal digits (ISO 7064, MOD 97-10, as in an IBAN)."""
    return f"{98 - int(digits) * 100 % 97:02}"


def is_checked(digits: str) -> bool:
    """Whether the last two of decimal digits are right for those before."""
    return int(digits) % 97 == 1 and digits[-CHECK_DIGITS:] not in ("00", "01", "99")


@dataclass(frozen=True, slots=True)
class Tag:
    """A keyed tag: four bytes of BLAKE2b over what stands before it.

    Who has not the key finds an ID that is accepted once in 2^32 tries. The key is never part of
    the configuration, of an error, or of a `repr`.

    Attributes:
        variable: the environment variable that holds the key as text; read when a tag is made
            or verified, so that those who only change tables need not have it.
        form: "hex", eight lower-case hexadecimal digits, or "digits", ten decimal ones.
        key: the key itself, of 16 to 64 bytes, in place of a variable.

    Raises:
        InvalidGene: there is neither key nor variable, or both; or the form is another.
    """

    variable: str = ""
    form: Literal["hex", "digits"] = "hex"
    key: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if bool(self.variable) == bool(self.key) or self.form not in _WIDTHS:
            raise InvalidGene(
                "a tag wants a key or the environment variable that holds it, and the form 'hex' "
                "or 'digits'"
            )
        if self.key and len(self.key) not in _KEY_BYTES:
            raise InvalidGene(f"a tag's key has {len(self.key)} bytes; give 16 to 64")

    @property
    def width(self) -> int:
        """How many characters it takes."""
        return _WIDTHS[self.form]

    def of(self, body: str) -> str:
        """The tag to put behind the body of an ID.

        Raises:
            ConfigError: the environment variable is not set, or no key of 16 to 64 bytes.
        """
        from hashlib import blake2b  # loads OpenSSL, which a family without tags does not need

        digest = blake2b(body.encode(), digest_size=_TAG_BYTES, key=self.key or self._read_key())
        if self.form == "hex":
            return digest.hexdigest()
        return f"{int.from_bytes(digest.digest(), 'big'):0{self.width}}"

    def is_right(self, body: str, tag: str) -> bool:
        """Whether a tag is that of the body.

        Raises:
            ConfigError: as `of`.
        """
        from hmac import compare_digest  # likewise

        return compare_digest(self.of(body), tag)

    def _read_key(self) -> bytes:
        key = os.environ.get(self.variable, "").encode()
        if len(key) not in _KEY_BYTES:
            raise ConfigError(
                f"environment variable {self.variable} is to hold the key of an ID's tag, 16 to 64 "
                f"bytes; it {'is not set' if not key else f'has {len(key)}'}"
            )
        return key
