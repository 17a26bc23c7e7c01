"""Figures as cells: a raster in numpy, axes, and two widgets on Textual's line API. Knows figures, no lab and no store.

`chart.Chart` draws a Figure, `map.SurfaceMap` a Surface; everything below them (cells, raster, axes, drawing) is free
of Textual's event loop and can be tested as text.
"""
