# SPDX-License-Identifier: Apache-2.0
"""An attacker's workshop: tokens with any header, payload and signature."""

import base64
import json

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(part):
    """base64url of a JSON object, or of bytes as they are."""
    if not isinstance(part, bytes):
        part = json.dumps(part).encode()
    return base64url(part)


def rs256(key):
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def es256(key):
    def sign(data):
        r, s = utils.decode_dss_signature(
            key.sign(data, ec.ECDSA(hashes.SHA256()))
        )
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def hs256(secret):
    def sign(data):
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(data)
        return mac.finalize()

    return sign


def nothing(_):
    return b""


def jws(header, payload, sign):
    """A compact token; header and payload are objects or raw bytes."""
    text = encoded(header) + "." + encoded(payload)
    return text + "." + base64url(sign(text.encode()))


def pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo,
    )


def der(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo,
    )


def integer(value, size=None):
    size = size or (value.bit_length() + 7) // 8
    return base64url(value.to_bytes(size, "big"))


def rsa_jwk(key, kid, **more):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": integer(numbers.n),
            "e": integer(numbers.e), **more}


def ec_jwk(key, kid, **more):
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": kid,
            "x": integer(numbers.x, 32), "y": integer(numbers.y, 32), **more}


def new_rsa(bits=2048):
    return rsa.generate_private_key(65537, bits)


def new_ec():
    return ec.generate_private_key(ec.SECP256R1())
