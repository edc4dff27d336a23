"""Charts as SVG: what they say to eyes, ears and parsers."""

import xml.etree.ElementTree as ET

import pytest

from csi_service.report.charts import NARROW, WIDE, Bar, Line, Share, bars, stacked_bar, trend

SVG = "{http://www.w3.org/2000/svg}"
PARTS = [Share(name, share, f"{share * 100:.0f} %") for name, share in (("a<b", 0.02), ("b", 0.28), ("c & d", 0.7))]
CHARTS = {
    "bar": lambda: stacked_bar("t <1>", "d & e", PARTS),
    "trend": lambda: trend("t <1>", "d & e", ["1", "2", "3"], [Line("一 <", (0.8, None, 0.9)), Line("b", (0.7,) * 3)]),
    "bars": lambda: bars("t <1>", "d & e", [Bar("x <y>", 0.5, "50 %"), Bar("z", None, "–")]),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_is_well_formed_titled_without_script_and_the_same_again(chart):
    svg = chart()
    root = ET.fromstring(svg)  # noqa: S314 - our own chart
    assert (root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text) == ("t <1>", "d & e")
    assert root.get("role") == "img"
    assert not any(word in svg for word in ("<script", "href", "style=", "url("))
    assert svg == chart()


def rects(svg):
    return [element for element in ET.fromstring(svg).iter(f"{SVG}rect")]  # noqa: S314


def test_the_parts_of_a_stacked_bar_fill_it_and_a_narrow_one_is_told_in_the_legend_only():
    svg = CHARTS["bar"]()
    whole = [rect for rect in rects(svg) if rect.get("height") == "26"]
    assert [float(rect.get("width")) for rect in whole] == pytest.approx([0.02 * WIDE, 0.28 * WIDE, 0.7 * WIDE])
    assert [float(rect.get("x")) for rect in whole] == pytest.approx([0, 0.02 * WIDE, 0.3 * WIDE])
    texts = [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314
    assert texts == ["28 %", "70 %", "a<b 2 %", "b 28 %", "c & d 70 %"]


@pytest.mark.parametrize("room", [WIDE, NARROW])
def test_a_chart_takes_its_room_and_no_more(room):
    labels = [f"2021-{month:02}" for month in range(1, 13)]
    shares = [Share("Very dissatisfied", 0.2, "20 %")] * 5
    for svg in (
        stacked_bar("t", "d", shares, room),
        trend("t", "d", labels, [Line(name, (0.9,) * 12) for name in ("CSI", "I-CSI", "O-CSI", "C-CSI")], room),
        bars("t", "d", [Bar("O-CSI", 1.0, "100.00 %")], room),
    ):
        root = ET.fromstring(svg)  # noqa: S314
        assert root.get("viewBox").startswith(f"0 0 {room:g} ")
        for rect in root.iter(f"{SVG}rect"):
            assert 0 <= float(rect.get("x")) <= float(rect.get("x")) + float(rect.get("width")) <= room
        for text in root.iter(f"{SVG}text"):
            long = len(text.text) * 9 * 0.6  # a Latin letter is rarely wider than 0.6 of its size
            left = float(text.get("x")) - {"start": 0, "middle": long / 2, "end": long}[text.get("text-anchor")]
            assert -1 <= left <= left + long <= room + 1, text.text


def test_a_missing_value_breaks_the_line():
    svg = trend("t", "d", ["1", "2", "3", "4"], [Line("a", (0.8, 0.9, None, 0.85))])
    path = next(p.get("d") for p in ET.fromstring(svg).iter(f"{SVG}path") if p.get("fill") == "none")  # noqa: S314
    assert (path.count("M"), path.count("L")) == (2, 1)
    assert svg.count("<circle") == 3


def test_a_value_to_be_read_with_care_is_hollow():
    svg = trend("t", "d", ["1", "2"], [Line("a", (0.8, 0.9), (False, True))])
    fills = [circle.get("fill") for circle in ET.fromstring(svg).iter(f"{SVG}circle")]  # noqa: S314
    assert fills == ["#16324f", "#ffffff"]


@pytest.mark.parametrize(
    ("values", "axis"),
    [
        ((0.83, 0.88), ["80 %", "85 %", "90 %", "95 %"]),
        ((1.0,), ["85 %", "90 %", "95 %", "100 %"]),
        ((0.0,), ["0 %", "5 %", "10 %", "15 %"]),
        ((0.1, 0.9), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        ((None,), ["0 %", "25 %", "50 %", "75 %", "100 %"]),
    ],
)
def test_the_axis_has_whole_steps_around_the_values(values, axis):
    svg = trend("t", "d", ["1"] * len(values), [Line("a", values)])
    texts = [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314
    assert [text for text in texts if text.endswith(" %")] == axis


def test_many_or_long_labels_thin_out_and_the_last_one_stays():
    labels = [f"2021-01-{day:02}" for day in range(1, 32)]
    svg = trend("t", "d", labels, [Line("a", (0.9,) * 31)])
    shown = [element.text for element in ET.fromstring(svg).iter(f"{SVG}text") if element.text in labels]  # noqa: S314
    assert 3 < len(shown) < 16
    assert shown[-1] == labels[-1]


def test_small_bars_end_at_their_value_and_never_pass_the_track():
    svg = bars("t", "d", [Bar("a", 0.5, "50 %"), Bar("b", 1.2, "120 %"), Bar("c", None, "–")])
    track, half, _, full, _ = rects(svg)
    assert float(half.get("width")) == pytest.approx(float(track.get("width")) / 2, abs=0.01)
    assert full.get("width") == track.get("width")
