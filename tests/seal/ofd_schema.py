"""What every OFD made here must satisfy: our schema, and what a schema cannot say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree

from msb_seal.ofd.package import OfdPackage, local_name

SCHEMA = Path(__file__).parent / "schemas" / "ofd.xsd"
ROOTS = {"OFD", "Document", "Page", "Res", "Attachments", "Signatures", "Signature"}


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMA))


def require_valid(data: bytes) -> OfdPackage:
    """Check each XML file against the schema, the ids, and that what is named is there."""
    package = OfdPackage.read(data)
    roots = {
        name: package.xml(name)
        for name in package.names
        if name.endswith("Attachments.xml") or (name.endswith(".xml") and "Attachs/" not in name)
    }
    for name, root in roots.items():
        assert local_name(root) in ROOTS, name
        schema().assertValid(root)
    _require_ids(package, roots)
    return package


def _require_ids(package: OfdPackage, roots: dict[str, etree._Element]) -> None:
    identifiers: list[str] = []
    used: set[str] = set()
    for name, root in roots.items():
        if local_name(root) in {"Signatures", "Signature"}:
            continue
        for element in root.iter():
            identifiers += [element.get("ID", "")] if element.get("ID") else []
            used |= {v for a in ("Font", "ResourceID", "TemplateID") if (v := element.get(a))}
            for place in (element.get("BaseLoc"), _file(element)):
                if place and local_name(element) != "Res":
                    base = root.get("BaseLoc", "")
                    reference = f"{base}/{place}" if base else place
                    assert package.resolve(name, reference) in package.names, reference
    assert len(identifiers) == len(set(identifiers))
    assert used <= set(identifiers)
    maximum = max(
        int(element.text or "")
        for root in roots.values()
        for element in root.iter()
        if local_name(element) == "MaxUnitID"
    )
    assert max(map(int, identifiers)) == maximum


def _file(element: etree._Element) -> str | None:
    named = {"FontFile", "MediaFile", "FileLoc", "DocRoot", "PublicRes", "DocumentRes"}
    return element.text if local_name(element) in named else None
