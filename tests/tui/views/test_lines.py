from __future__ import annotations

from rich.text import Text

from scalelab.tui.views.page import Page
from tests.tui.views.host import Host, piloted, screen


@piloted
async def test_a_line_keeps_its_own_style_and_only_what_changed_is_drawn() -> None:
    app = Host(Page())
    async with app.run_test(size=(20, 5)) as pilot:
        page = app.query_one(Page)
        page.show(lambda width: [Text("warning", "color(166)"), Text("x" * (width + 1)), Text("same")])
        await pilot.pause()
        assert "color(166)" in str(next(iter(page.render_line(0))).style)
        assert "…" in screen(app)
        drawn: list[int] = []
        page.refresh_lines = lambda y, n=1: drawn.append(y)  # type: ignore[method-assign,assignment,misc]
        page.show(lambda width: [Text("warning", "bold"), Text("x" * (width + 1)), Text("same")])
        assert drawn == [0]
