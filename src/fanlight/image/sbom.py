"""What an image is made of, for programs that look for vulnerable parts: CycloneDX 1.5."""

from __future__ import annotations

import json
from urllib.parse import quote

from .manifest import Manifest

SBOM = "sbom.json"
"""Its file, beside the manifest."""


def sbom(manifest: Manifest, distribution: str) -> str:
    """Give the bill of materials as JSON.

    Components are named by package URLs (purl): `pkg:deb/debian/NAME@VERSION`, `pkg:npm/...`.
    """
    components = [
        {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/debian/{quote(name)}@{quote(version)}?distro={distribution}",
        }
        for name, version in sorted(manifest.packages.items())
    ]
    components += [
        {
            "type": "application",
            "name": name,
            "version": version,
            "purl": f"pkg:generic/{quote(name)}@{quote(version)}",
        }
        for name, version in sorted(manifest.tools.items())
    ]
    about = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "operating-system",
                "name": "fanlight-image",
                "version": manifest.name,
            }
        },
        "components": components,
    }
    return json.dumps(about, indent=1) + "\n"
