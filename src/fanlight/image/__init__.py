"""The golden image: its recipe, how it is built, named, verified and pruned."""

from .image import IMAGES, PARTS, Image, images, open_image, prune, verify
from .manifest import Manifest, Part

__all__ = [
    "IMAGES",
    "PARTS",
    "Image",
    "Manifest",
    "Part",
    "images",
    "open_image",
    "prune",
    "verify",
]
