"""A data folder: everything one small installation keeps, where the commands look for it.

    store.sqlite     licences, accounts, codes shown
    issuers.toml     the issuing authorities, written by whoever runs the place
    keys/            secrets, each a file of mode 0600: never in the database
    trust/           trust-list.jwt, list-signer.jwk, status/ISSUER/NUMBER: what checkers get

Development keys are made here at first use. Keys in hardware come with a later version.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from msb_identity.envelopes.keyfiles import (
    ensure_signing_key,
    read_public_file,
    read_verifying_key,
    write_verifying_key,
)
from msb_identity.errors import EncodingRefused, IdentifierRefused
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.clock import aware
from msb_identity.foundation.files import (
    PRIVATE_FOLDER_MODE,
    PRIVATE_MODE,
    folder_lock,
    make_folder,
    write_whole,
)
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store, file_url
from msb_identity.foundation.text import is_showable
from msb_identity.foundation.toml_models import read_model
from msb_identity.people.identifiers import check_credit_code
from msb_identity.pki.keys import KeyKind, SigningKey
from msb_identity.tables import TABLES as IDENTITY_TABLES
from msb_seal import lifecycle
from msb_wallet.errors import TrustRefused, TypeRefused
from msb_wallet.licences import store as tables
from msb_wallet.licences.issue import Issuer
from msb_wallet.licences.model import Authority, Level
from msb_wallet.licences.status import list_uri
from msb_wallet.licences.status_list import is_status_uri
from msb_wallet.licences.types import BUILTIN, LicenceType, builtin_type, load_type
from msb_wallet.scan import memory
from msb_wallet.scan.regions import (
    LIST_FILE,
    MAX_LIST_BYTES,
    SIGNER_FILE,
    STATUS_FOLDER,
    ListedIssuer,
    make_trust_list,
    open_trust_list,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

TABLES = (
    *IDENTITY_TABLES,
    lifecycle.metadata,
    tables.metadata,
    memory.metadata,
)
"""All that a wallet's store holds."""
CONFIGURATION_FILE = "issuers.toml"
MAX_CONFIG_BYTES = 1_000_000
DEFAULT_DAYS, MAX_DAYS = 30, 3_660
MAX_LIST_NUMBER = 9_999_999
STORE_FILE = "store.sqlite"
AUDIT_WRITER = "wallet"


def _credit_code(text: str) -> str:
    try:
        good = check_credit_code(text)
    except IdentifierRefused as error:
        raise ValueError(str(error)) from error
    if good != text:
        message = "a credit code in capitals, without spaces"
        raise ValueError(message)
    return text


def _readable(text: str) -> str:
    if not text.strip() or not is_showable(text):
        message = "empty, or with characters that cannot be shown"
        raise ValueError(message)
    return text


def _status_prefix(text: str) -> str:
    if not text.endswith("/") or not is_status_uri(list_uri(text, MAX_LIST_NUMBER)):
        message = "an https address that ends in a slash, as https://licence.example/s/1506/"
        raise ValueError(message)
    return text


_Name = Annotated[str, AfterValidator(_readable), Field(max_length=100)]


class _Configured(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ConfiguredIssuer(_Configured):
    """One [[issuers]] table of issuers.toml."""

    code: Annotated[str, AfterValidator(_credit_code)]
    name: _Name
    level: Level
    region: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    types: Annotated[list[str], Field(min_length=1)]
    key: Literal["SM2", "P-256"]
    status_prefix: Annotated[str, AfterValidator(_status_prefix)]

    @property
    def authority(self) -> Authority:
        """The authority as licences name it."""
        return Authority(self.code, self.name, self.level, self.region)


class Configuration(_Configured):
    """The file issuers.toml."""

    name: _Name
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = DEFAULT_DAYS
    issuers: Annotated[list[ConfiguredIssuer], Field(min_length=1)]

    @model_validator(mode="after")
    def _issuers_differ(self) -> Self:
        if len({issuer.code for issuer in self.issuers}) != len(self.issuers):
            message = "an issuer stands twice"
            raise ValueError(message)
        for one, next_ in pairwise(sorted(issuer.status_prefix for issuer in self.issuers)):
            if next_.startswith(one):  # lists of two issuers would have one address
                message = f"two issuers have their lists under {one}"
                raise ValueError(message)
        return self


class DataFolder:
    """Opens what a command needs, when it needs it."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is made yet."""
        self.path = path
        self.keys, self.trust = path / "keys", path / "trust"
        self.configuration_file = path / CONFIGURATION_FILE

    @property
    def store_url(self) -> str:
        """The URL of the store, for checkers on the same machine."""
        return file_url(self.path / STORE_FILE)

    @cached_property
    def store(self) -> Store:
        """The store with the tables of all packages."""
        self._prepare()
        # Whatever mode the folder has: the store is for nobody else to read.
        (self.path / STORE_FILE).touch(mode=PRIVATE_MODE)
        return Store.open(self.store_url, *TABLES)

    @cached_property
    def protector(self) -> Protector:
        """Protection with the folder's keys."""
        return Protector.from_folder(self.store, self.keys)

    @cached_property
    def audit(self) -> Audit:
        """The audit log; all that works on this folder writes one chain."""
        return Audit(self.store, self.protector, writer=AUDIT_WRITER)

    @cached_property
    def configuration(self) -> Configuration:
        """The issuers; TrustRefused says what is wrong with the file."""
        return read_configuration(self.configuration_file)

    def adopt_configuration(self, path: Path) -> None:
        """Check another issuers.toml and keep a copy of it as this folder's own."""
        read_configuration(path)
        self._prepare()
        write_whole(self.configuration_file, read_public_file(path, limit=MAX_CONFIG_BYTES))
        self.__dict__.pop("configuration", None)  # read again at next use

    def issuer_settings(self, code: str | None) -> ConfiguredIssuer:
        """Give the issuer of that code, or the only one there is."""
        found = [item for item in self.configuration.issuers if code in (None, item.code)]
        if len(found) != 1:
            known = ", ".join(item.code for item in self.configuration.issuers)
            message = f"name one issuer of {self.configuration_file.name}: {known}"
            raise TrustRefused(message)
        return found[0]

    def issuer_key(self, settings: ConfiguredIssuer) -> SigningKey:
        """Give the issuer's signing key, made at first use.

        A key that the trust list names already is never made anew: a missing one is restored from
        its backup, or every licence signed with it would lose its issuer.
        """
        path = self.keys / f"issuer-{settings.code}.jwk"
        if not path.exists() and self._is_listed(settings.code):
            message = f"{path.name} is missing, and the trust list names its key: restore it"
            raise TrustRefused(message)
        key = ensure_signing_key(path, KeyKind(settings.key))
        if key.kind != settings.key:
            message = (
                f"{path.name} is a {key.kind} key, but {CONFIGURATION_FILE} says {settings.key}"
            )
            raise TrustRefused(message)
        return key

    def licence_type(self, name: str) -> LicenceType:
        """Give a type by its built-in name, or from a file (from the data folder on)."""
        return builtin_type(name) if name in BUILTIN else load_type(self.path / name)

    def issuer(self, type_name: str, code: str | None = None) -> Issuer:
        """Give an issuing desk for one type; TypeRefused where the issuer may not issue it."""
        settings = self.issuer_settings(code)
        type_ = self.licence_type(type_name)
        if type_.code not in self._type_codes(settings):
            message = f"{settings.code} is not configured to issue {type_.code}"
            raise TypeRefused(message)
        return Issuer(
            self.store,
            self.protector,
            type_=type_,
            authority=settings.authority,
            key=self.issuer_key(settings),
            status_prefix=settings.status_prefix,
            audit=self.audit,
        )

    def issuer_of(self, issuer_code: str, type_code: str) -> Issuer:
        """Give the desk that issued a licence of that issuer and type."""
        for name in self.issuer_settings(issuer_code).types:
            if self.licence_type(name).code == type_code:
                return self.issuer(name, issuer_code)
        message = f"no configured type has the code {type_code}"
        raise TypeRefused(message)

    def make_trust(
        self,
        *,
        now: datetime | None = None,
        days: int | None = None,
        issuers: Path | None = None,
    ) -> int:
        """Sign the next version of the trust list and give its number; it holds for `days`.

        issuers: another issuers.toml, kept as this folder's own once the list is signed.
        """
        moment = aware(now)
        configuration = self.configuration if issuers is None else read_configuration(issuers)
        lifetime = configuration.days if days is None else days
        if not 1 <= lifetime <= MAX_DAYS:
            message = f"a trust list holds for 1 to {MAX_DAYS} days"
            raise TrustRefused(message)
        self._prepare()
        signer = self._list_signer()
        listed = [
            ListedIssuer(
                authority=item.authority,
                types=self._type_codes(item),
                key=self.issuer_key(item).public,
                status_prefix=item.status_prefix,
            )
            for item in configuration.issuers
        ]
        with folder_lock(self.trust):  # so that no two lists have one version
            version = self._next_version(signer)
            text = make_trust_list(
                listed,
                name=configuration.name,
                version=version,
                signer=signer,
                now=moment,
                lifetime=timedelta(days=lifetime),
            )
            write_verifying_key(self.trust / SIGNER_FILE, signer.public)
            # Before it is out: there is no list that the log does not know.
            self.audit.record("trust-list.made", details={"version": version}, now=moment)
            write_whole(self.trust / LIST_FILE, text.encode() + b"\n")
        if issuers is not None:
            self.adopt_configuration(issuers)
        return version

    def publish_status(
        self, code: str | None = None, *, now: datetime | None = None, every: bool = False
    ) -> list[Path]:
        """Publish the changed status lists of one issuer, or of all, and give the files written."""
        configured = [self.issuer_settings(code)] if code else self.configuration.issuers
        written: list[Path] = []
        for settings in configured:
            register = self.issuer(settings.types[0], settings.code).status
            written += register.publish(
                settings.code,
                key=self.issuer_key(settings),
                prefix=settings.status_prefix,
                folder=self.trust / STATUS_FOLDER,
                now=now,
                every=every,
            )
        return written

    def _prepare(self) -> None:
        make_folder(self.path, PRIVATE_FOLDER_MODE)

    def _type_codes(self, settings: ConfiguredIssuer) -> tuple[str, ...]:
        return tuple(self.licence_type(name).code for name in settings.types)

    def _list_signer(self) -> SigningKey:
        path = self.keys / "list-signer.jwk"
        if not path.exists() and (self.trust / SIGNER_FILE).exists():
            message = (
                f"{path.name} is missing, and checkers have its public half pinned: restore it"
            )
            raise TrustRefused(message)
        return ensure_signing_key(path, KeyKind.SM2)

    def _is_listed(self, code: str) -> bool:
        if not (self.trust / LIST_FILE).exists():
            return False
        signer = read_verifying_key(self.trust / SIGNER_FILE)
        text = read_public_file(self.trust / LIST_FILE, limit=MAX_LIST_BYTES).decode(
            "ascii", "replace"
        )
        return code in open_trust_list(text.strip(), signer=signer).issuers

    def _next_version(self, signer: SigningKey) -> int:
        path = self.trust / LIST_FILE
        if not path.exists():
            return 1
        text = read_public_file(path, limit=MAX_LIST_BYTES).decode("ascii", "replace").strip()
        try:
            return open_trust_list(text, signer=signer.public).version + 1
        except TrustRefused as error:
            message = (
                f"the present {LIST_FILE} is not this folder's, so none can follow it: {error}"
            )
            raise TrustRefused(message) from error


def read_configuration(path: Path) -> Configuration:
    """Read an issuers.toml; TrustRefused names what is wrong with it."""
    try:
        return read_model(read_public_file(path, limit=MAX_CONFIG_BYTES), Configuration)
    except EncodingRefused as error:
        message = f"{path.name}: {error}"
        raise TrustRefused(message) from error
