"""Charts as SVG: a picture each, without scripts, in colours for light and dark."""

import sys
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from pygal import Bar, Config, HorizontalBar, PluginImportFixer
from pygal.style import Style

sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]
"""pygal looks for plugins at each import of anything, in a way that Python warns of; there are none."""

TALLEST = 14
"""So many bars at most in a chart of names; the table beside it has all."""

_DARK = """inline:@media (prefers-color-scheme: dark) {
  text { fill: #e8e6e1 !important; } .axis path, .axis line { stroke: #555 !important; }
  .bar rect { fill: #6fb1ff !important; } }"""

_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#222",
    foreground_strong="#111",
    foreground_subtle="#555",
    colors=("#1f5fae",),
    opacity="1",
    font_family="system-ui, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    value_font_size=13,
)


def _config(height: int) -> Config:
    config = Config()
    config.css = [*config.css, _DARK]
    config.js = []
    config.style = _STYLE
    config.show_legend = False
    config.width, config.height = 440, height
    config.explicit_size = False  # as wide as its place on the page
    config.formatter = lambda value: f"{value:.0f}" if value == int(value) else ""  # nobody signs by half
    config.disable_xml_declaration = True
    config.no_prefix = True
    config.margin = 8
    config.include_x_axis = True
    config.truncate_label = 24
    config.no_data_text = "–"
    return config


def bars_by_day(counts: Mapping[str, int], title: str) -> bytes:
    """A bar for each day, in their order; the axis names some of them."""
    chart = Bar(_config(300), x_label_rotation=0, show_minor_x_labels=False)
    chart.x_labels = [day[5:] for day in counts]
    chart.x_labels_major = [day[5:] for day in list(counts)[:: max(1, len(counts) // 6)]]
    chart.add(title, list(counts.values()))
    return _drawn(chart)


def bars_by_name(counts: Mapping[str, int], title: str) -> bytes:
    """A bar for each name, the longest on top."""
    top = list(counts.items())[:TALLEST][::-1]
    chart = HorizontalBar(_config(80 + 26 * max(1, len(top))))
    chart.x_labels = [name for name, _count in top]
    chart.add(title, [count for _name, count in top])
    return _drawn(chart)


def _drawn(chart: Bar | HorizontalBar) -> bytes:
    chart.add_xml_filter(_without_scripts)
    drawn: str = chart.render()
    return drawn.encode()


def _without_scripts(root: Element) -> Element:
    """A picture runs nothing; pygal puts its settings into a script all the same."""
    for parent in root.iter():
        for child in [child for child in parent if str(child.tag).endswith("script")]:
            parent.remove(child)
    return root
