# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of one test run."""

import datetime
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


USAGE = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, key_cert_sign=True,
    crl_sign=True, encipher_only=False, decipher_only=False,
)


class Authority:
    def __init__(self, directory):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign(
            name("Azimuth test"), self.key.public_key(),
            [(x509.BasicConstraints(ca=True, path_length=0), True),
             (USAGE, True)],
        )
        self.file = directory / "authority.pem"
        self.file.write_bytes(
            self.certificate.public_bytes(serialization.Encoding.PEM)
        )

    def sign(self, subject, public_key, extensions, days=2):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name("Azimuth test"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=5))
            .not_valid_after(now + datetime.timedelta(days=days))
        )
        # Python 3.13 and later ask for the two of them, and for USAGE.
        for extension, is_critical in [
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self.key.public_key()), False),
            *extensions,
        ]:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, host, days=2):
        """Files (certificate, key) of a server certificate for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.sign(
            name(host), key.public_key(),
            [(x509.SubjectAlternativeName([x509.DNSName(host)]), False)], days,
        )
        paths = (self.directory / f"{host}.pem", self.directory / f"{host}.key")
        paths[0].write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
        )
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def context(self, host, days=2):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server(host, days))
        return context
