"""An issuer of JSON Web Tokens, as a test needs one: its keys as a JWKS, and tokens, good and bad.

Signed with RS256 (RFC 7515, 7518), which every verifier of tokens knows. The key lives as long as
the object.
"""

import base64
import json
import time
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

_KEY_ID: Final = "lab"
_LIFE_S: Final = 3600


class Issuer:
    """Signs tokens.

    Args:
        name: claim `iss` of its tokens.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)

    @property
    def jwks(self) -> str:
        """The public key, as verifiers read it."""
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _KEY_ID}
        numbers = {"n": _number(public.n), "e": _number(public.e)}
        return json.dumps({"keys": [{**key, **numbers}]})

    def token(self, **claims: Any) -> str:
        """Sign a token.

        Args:
            claims: over those of a good token, which is this issuer's and holds for an hour.
        """
        good = {"iss": self.name, "sub": "somebody", "exp": int(time.time()) + _LIFE_S}
        signed = f"{_part({'alg': 'RS256', 'kid': _KEY_ID})}.{_part({**good, **claims})}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_base64(signature)}"


def unsigned(**claims: Any) -> str:
    """Make a token that says it needs no signature."""
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(fields: dict[str, Any]) -> str:
    return _base64(json.dumps(fields).encode())


def _number(number: int) -> str:
    return _base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
