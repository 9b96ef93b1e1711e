"""Certificates and trust (证书与信任): what others may use.

Reading: Certificate, RevocationList, OcspAnswer, load_certificate(s), load_crls. Judging:
verify_chain with a TrustStore. Making: authority.py, requests.py, responder.py, imported where they
are used, since they load asn1crypto: X.509 is read by our own walker and written by asn1crypto
(docs/decisions/certificates.md).
"""

from msb_identity.x509.certificate import Certificate, KeyUsage
from msb_identity.x509.chain import verify_chain
from msb_identity.x509.crl import RevocationList
from msb_identity.x509.fetch import Fetcher, HttpFetcher
from msb_identity.x509.files import encode_pem, load_certificate, load_certificates, load_crls
from msb_identity.x509.ocsp import OcspAnswer
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.revocation import RevocationPolicy
from msb_identity.x509.trust import TrustStore

__all__ = [
    "Certificate",
    "Fetcher",
    "HttpFetcher",
    "KeyUsage",
    "OcspAnswer",
    "Purpose",
    "RevocationList",
    "RevocationPolicy",
    "TrustStore",
    "encode_pem",
    "load_certificate",
    "load_certificates",
    "load_crls",
    "verify_chain",
]
