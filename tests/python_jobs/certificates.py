"""Certificates of the tests' own: an authority, and what it has signed, as PEM files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

A_DAY = timedelta(days=1)
PART = "DASK_DISTRIBUTED__COMM__"


@dataclass(frozen=True)
class Certificates:
    """Where an authority's certificate is, and one that it signed with its key."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, directory: Path) -> Certificates:
        """Make them in a directory, for a day."""
        directory.mkdir()
        found = cls(*(directory / name for name in ("ca.pem", "cert.pem", "key.pem")))
        ours, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        found.authority.write_bytes(_signed("dataflix tests", ours, "dataflix tests", ours))
        found.certificate.write_bytes(_signed("dataflix", theirs, "dataflix tests", ours))
        found.key.write_bytes(
            theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return found

    def security(self) -> Any:
        """Return the same for a client of Dask in the tests' own process."""
        from distributed import Security

        return Security(
            require_encryption=True,
            tls_ca_file=str(self.authority),
            tls_client_cert=str(self.certificate),
            tls_client_key=str(self.key),
        )

    def variables(self) -> dict[str, str]:
        """Return the environment that docs/scale.md has for Dask."""
        sides = {
            f"{PART}TLS__{side}__{what}": str(file)
            for side in ("SCHEDULER", "WORKER", "CLIENT")
            for what, file in (("CERT", self.certificate), ("KEY", self.key))
        }
        return {
            f"{PART}REQUIRE_ENCRYPTION": "true",
            f"{PART}TLS__CA_FILE": str(self.authority),
            **sides,
        }


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: str,
    with_key: ec.EllipticCurvePrivateKey,
) -> bytes:
    """Return the certificate of a key, signed; an authority's where both names are the same."""
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, by)
    )
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - A_DAY)
        .not_valid_after(now + A_DAY)
        .add_extension(x509.BasicConstraints(ca=name == by, path_length=None), critical=True)
    )
    return builder.sign(with_key, hashes.SHA256()).public_bytes(Encoding.PEM)
