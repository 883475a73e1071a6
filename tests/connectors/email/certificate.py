"""A certificate authority of our own and one certificate, for 127.0.0.1 and not for `localhost`."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificate:
    """`authority`, `chain` and `key` are PEM files in `folder`."""

    def __init__(self, folder: Path):
        self.authority, self.chain, self.key = folder / "ca.pem", folder / "chain.pem", folder / "key.pem"
        self.until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        own_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        own = self._signed("Gemeente Voorbeeldstad CA", own_key, "Gemeente Voorbeeldstad CA", own_key, True)
        server = self._signed("mail.voorbeeldstad.example", key, "Gemeente Voorbeeldstad CA", own_key, False)
        pem = serialization.Encoding.PEM
        self.authority.write_bytes(own.public_bytes(pem))
        self.chain.write_bytes(server.public_bytes(pem))
        self.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    def _signed(self, name: str, key, issuer: str, issuer_key, authority: bool) -> x509.Certificate:
        builder = (x509.CertificateBuilder()
                   .subject_name(_name(name)).issuer_name(_name(issuer)).public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(datetime.now(UTC) - timedelta(days=1)).not_valid_after(self.until)
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True))
        if not authority:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
