import base64
import json
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from weighbridge_lab.issuer import Issuer, unsigned


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verify(token, jwks):
    """Verify a signature by nothing but the public key; give the claims."""
    (key,) = json.loads(jwks)["keys"]
    n, e = (int.from_bytes(decode(key[part]), "big") for part in "ne")
    signed, _, signature = token.rpartition(".")
    public = rsa.RSAPublicNumbers(e, n).public_key()
    public.verify(decode(signature), signed.encode(), padding.PKCS1v15(), SHA256())
    head, body = (json.loads(decode(part)) for part in signed.split("."))
    assert head == {"alg": "RS256", "kid": key["kid"]}
    return body


@pytest.fixture(scope="module")
def issuer():
    return Issuer("https://issuer.example")


def test_a_token_is_the_issuer_s_and_holds_for_a_while(issuer):
    claims = verify(issuer.token(tenant="acme"), issuer.jwks)
    assert (claims["iss"], claims["tenant"]) == ("https://issuer.example", "acme")
    assert claims["exp"] > time.time() + 60


def test_a_claim_that_is_given_wins(issuer):
    claims = verify(issuer.token(exp=1, iss="https://other.example"), issuer.jwks)
    assert (claims["exp"], claims["iss"]) == (1, "https://other.example")


def test_another_issuer_of_the_same_name_has_other_keys(issuer):
    with pytest.raises(InvalidSignature):
        verify(Issuer(issuer.name).token(), issuer.jwks)


def test_an_unsigned_token_has_its_claims_and_no_signature():
    _, body, signature = unsigned(iss="https://issuer.example").split(".")
    assert json.loads(decode(body)) == {"iss": "https://issuer.example"}
    assert signature == ""
