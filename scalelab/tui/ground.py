"""What lies under other widgets and has nothing of its own to show: its cells are one row of background, made once.

Textual renders every widget that can be seen, also where others cover it wholly; a view under three containers would
be drawn four times.
"""

from __future__ import annotations

from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import ContentSwitcher

from scalelab.tui.later import Later


class Ground(Later):
    """A container without border, padding or content of its own."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Background, as the theme and the terminal's colours have it."""
        row = Strip.blank(crop.width, self.rich_style)
        for each in self.get_line_filters():
            row = row.apply_filter(each, self.background_colors[1])
        return [row] * crop.height


class Stack(Ground, ContentSwitcher):
    """Several widgets in one place, of which one is seen."""
