"""The golden image: its recipe, how it is built, named, verified and pruned."""

from .build import Wanted, build
from .image import IMAGES, Image, images, open_image, prune, verify
from .layers import ToolTree
from .manifest import Manifest, Part
from .parts import PARTS
from .sbom import SBOM

__all__ = [
    "IMAGES",
    "PARTS",
    "SBOM",
    "Image",
    "Manifest",
    "Part",
    "ToolTree",
    "Wanted",
    "build",
    "images",
    "open_image",
    "prune",
    "verify",
]
