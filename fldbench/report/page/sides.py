"""Screens of tables with small figures, such as those of cost: what they show of each table of the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fldbench.report.tables import Table


@dataclass(frozen=True)
class Panel:
    """A printed table with its figures, and the tables of the board for which it is shown.

    Attributes
    ----------
    slugs : tuple of str
    table : Table
    figures : tuple of (str, Markup)
        Heading and SVG.
    legend : tuple of (str, str)
        Class and name of each coloured line.
    """

    slugs: tuple[str, ...]
    table: Table
    figures: tuple[tuple[str, Markup], ...] = ()
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Side:
    """A screen: its name in links, its heading, and its panels."""

    name: str
    heading: str
    panels: tuple[Panel, ...]
    notes: Sequence[str] = ()
