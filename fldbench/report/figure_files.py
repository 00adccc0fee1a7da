"""Figures as files: PNG for pages, SVG and PDF for papers; the same figure gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fldbench.files import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SALT = "fldbench"  # of the ids in an SVG, which would be drawn at random
UNDATED: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def write_figures(figure: Figure, stem: Path) -> list[Path]:
    """Write STEM.png, .svg and .pdf, each whole or not at all; raise StoreError if that is impossible."""
    from matplotlib import rc_context

    written = []
    for ending, metadata in UNDATED.items():
        path = stem.with_name(f"{stem.name}.{ending}")
        with rc_context({"svg.hashsalt": SALT, "pdf.fonttype": 42}), written_whole(path, "wb") as file:
            figure.savefig(file, format=ending, metadata=metadata)
        written.append(path)
    return written
