"""Packs whose description was changed, with checksums that fit, and the use of everything in a pack."""

from fldbench.faces import unreadable_images
from fldbench.faces.pack import open_pack
from fldbench.faces.pack_files import DATA_MAGIC, INDEX_MAGIC, header


def mended(index, change):
    """Write an index whose description was changed, with checksums that fit; return the file of its pack."""
    data = index.with_name("a")
    content, images = index.read_bytes(), data.read_bytes()
    start = 128 + int.from_bytes(content[52:60], "little")
    text, rest = change(content[128:start]), content[start:]
    index.write_bytes(header(INDEX_MAGIC, 128 + len(text) + len(rest), text, in_this_file=True) + text + rest)
    data.write_bytes(header(DATA_MAGIC, len(images), text) + images[128:])
    return data


def use(path):
    """Use everything that a pack holds."""
    faces = open_pack(path)
    columns = [
        faces.fingerprint,
        faces.groups_fingerprint,
        faces.matrices,
        faces.parts,
        faces.ids.tolist(),
        faces.boxes,
    ]
    unreadable_images(faces)
    return columns, faces.attributes, faces.attribute_types, faces.subsets, faces.split(0.5), faces.label, faces[1:]
