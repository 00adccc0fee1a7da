"""Faces: images, boxes, landmarks, visibility, attributes, subsets; their crops and packs."""

from fldbench.faces.face_set import (
    Face,
    FaceSet,
    ImageArrays,
    ImageFiles,
    Images,
    NoImages,
    decode_image,
    unreadable_images,
)

__all__ = ["Face", "FaceSet", "ImageArrays", "ImageFiles", "Images", "NoImages", "decode_image", "unreadable_images"]
