"""Faces: images, boxes, landmarks, visibility, attributes and subsets; their crops and packs."""

from fldbench.faces.attributes import Attribute
from fldbench.faces.face_set import Face, FaceSet, unreadable_images
from fldbench.faces.facts import FaceFacts, facts_of
from fldbench.faces.images import ImageArrays, ImageFiles, Images, NoImages, decode_image

__all__ = [
    "Attribute",
    "Face",
    "FaceFacts",
    "FaceSet",
    "ImageArrays",
    "ImageFiles",
    "Images",
    "NoImages",
    "decode_image",
    "facts_of",
    "unreadable_images",
]
