"""The few shapes and colours that docs/images/ml_architecture.py draws with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, FancyBboxPatch, Rectangle, Wedge

POINTS_PER_INCH = 72
INK, MUTED, LINE, PAPER = "#20303C", "#5E6E7A", "#B9C4CC", "#FFFFFF"
ENGINEER, SCIENTIST, ANALYST = "#C8622D", "#2F6BAE", "#2C8A6B"
SCIENTIST_TINT, SCIENTIST_MID, ANALYST_TINT = "#E9F1F9", "#9DBFE0", "#E7F4EF"
CLICKHOUSE, CLICKHOUSE_EDGE, CLICKHOUSE_INK, DATABASE = "#FBF6E9", "#DFC88A", "#8A6A14", "#FFFDF8"
MONO = "DejaVu Sans Mono"


@dataclass(frozen=True)
class Pen:
    """Draws the few shapes that the picture is made of."""

    axes: Axes

    def box(self, x: float, y: float, w: float, h: float, fill: str, edge: str) -> None:
        """Draw a rounded box with its lower left corner at x, y."""
        style = "round,pad=0,rounding_size=0.09"
        self.axes.add_patch(FancyBboxPatch((x, y), w, h, style, fc=fill, ec=edge, lw=1.2))

    def bar(self, x: float, y: float, w: float, h: float, fill: str, edge: str, lw: float) -> None:
        """Draw a plain rectangle with its lower left corner at x, y."""
        self.axes.add_patch(Rectangle((x, y), w, h, fc=fill, ec=edge, lw=lw))

    def words(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 10,
        color: str = INK,
        ha: str = "center",
        **font: Any,
    ) -> None:
        """Write text around the middle y; ``ha`` says which part of it x is."""
        where = {"ha": ha, "va": "center", "linespacing": 1.35}
        if "\n" not in text:
            # Centred by its own height, a word without tall letters would sit below its neighbours.
            where["va"] = "baseline"
            y -= 0.33 * size / POINTS_PER_INCH
        self.axes.text(x, y, text, {"size": size, "color": color, **where, **font})

    def title(
        self, x: float, y: float, text: str, color: str, size: float = 11, **font: Any
    ) -> None:
        """Write the name of a thing or a person, from x on."""
        self.words(x, y, text, size, color, **{"ha": "left", "weight": "bold", **font})

    def note(self, x: float, y: float, text: str, ha: str = "left") -> None:
        """Write what there is to say about it, from x on."""
        self.words(x, y, text, 9.5, MUTED, ha)

    def table(
        self, x: float, y: float, w: float, name: str, note: str = "", edge: str = LINE
    ) -> None:
        """Draw a relation of the database: its name, and a line about it."""
        height = 0.62 if note else 0.42
        self.box(x, y, w, height, PAPER, edge)
        self.words(x + w / 2, y + height - 0.21, name, 9.5, family=MONO)
        self.words(x + w / 2, y + 0.18, note, 9, color=MUTED)

    def arrow(self, x: float, y: float, to_x: float, to_y: float, color: str = INK) -> None:
        """Draw an arrow from x, y."""
        ends = ((x, y), (to_x, to_y))
        line = FancyArrowPatch(*ends, arrowstyle="-|>", shrinkA=0, shrinkB=0, color=color, lw=1.7)
        line.set_mutation_scale(15)
        self.axes.add_patch(line)

    def number(self, x: float, y: float, number: int) -> None:
        """Draw the number of a step in a disc around x, y."""
        self.axes.add_patch(Circle((x, y), 0.12, color=SCIENTIST))
        self.words(x, y, str(number), 8.5, PAPER, weight="bold")

    def bracket(self, x: float, low: float, high: float, color: str, tip: float) -> None:
        """Draw a bracket that opens towards ``tip`` (+ right, - left)."""
        self.axes.plot([x + tip, x, x, x + tip], [low, low, high, high], color=color, lw=2)

    def person(self, x: float, y: float, color: str) -> None:
        """Draw a head and shoulders around x, y."""
        self.axes.add_patch(Circle((x, y + 0.2), 0.16, color=color))
        self.axes.add_patch(Wedge((x, y - 0.28), 0.31, 0, 180, color=color))

    def database(self, y: float, height: float, name: str) -> None:
        """Draw one database of ClickHouse, with its name on the left."""
        self.box(2.2, y, 5.8, height, DATABASE, CLICKHOUSE_EDGE)
        self.title(2.32, y + height / 2, name, CLICKHOUSE_INK, size=10)

    def store(self, x: float, y: float) -> None:
        """Draw the usual sign of a store, a cylinder, around x, y."""
        self.bar(x - 0.2, y - 0.22, 0.4, 0.44, SCIENTIST, SCIENTIST, 1)
        self.axes.add_patch(Ellipse((x, y - 0.22), 0.4, 0.16, color=SCIENTIST))
        lid = Ellipse((x, y + 0.22), 0.4, 0.16, fc=SCIENTIST_TINT, ec=SCIENTIST, lw=1.4)
        self.axes.add_patch(lid)
