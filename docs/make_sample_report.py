"""Make the sample report of docs/: the demo centre's October 2026 by team, as PDF, and its first page as a picture.

    python docs/make_sample_report.py [DEMO_FOLDER]

Without a folder the demo data are made first, always the same ones.
"""

import datetime as dt
import sys
import tempfile
from pathlib import Path

import typst

from csi_service.cli.demo import ZONE, demo_files
from csi_service.core.periods import parse_period
from csi_service.demo.generate import write_demo
from csi_service.report.collect import Asked
from csi_service.report.font import font_folder
from csi_service.report.kept import Wanted, live_report
from csi_service.report.layout import document_of
from csi_service.report.pdf import typst_data
from csi_service.report.words import words_of
from csi_service.report.writers import write_report
from csi_service.store.folder import open_store
from csi_service.store.imports import import_files
from csi_service.weights_folder import WeightsFolder, shipped_folder

DOCS = Path(__file__).parent
MONTH = "2026-10"


def main() -> None:
    """Write the PDF and a picture of its first page, in each language."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(name) / "demo"
        if len(sys.argv) == 1:
            write_demo(folder, MONTH, 20, scale=1.0, progress=print)
        store = open_store(Path(name) / "data", ZONE)
        for kind, paths in demo_files(folder).items():
            import_files(store, kind, paths, "docs", lambda: dt.datetime.now(dt.UTC), None, ZONE)
        sets = [WeightsFolder(shipped_folder()).get("default")]
        wanted = Wanted(Asked(parse_period(MONTH), ("team",)), dt.date(2026, 11, 24))
        model = live_report(store, sets, wanted)
        store.database.close()
    (DOCS / "sample-report.pdf").write_bytes(write_report(model, "pdf", "en"))
    (DOCS / "sample-report.zh-CN.pdf").write_bytes(write_report(model, "pdf", "zh"))
    template = DOCS.parent / "csi_service" / "report" / "templates" / "report.typ"
    for language, ending in (("en", ""), ("zh", ".zh-CN")):
        data = typst_data(document_of(model, words_of(language)))
        inputs = {"document": data}
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[font_folder()])
        pages = typst.Compiler(template.read_bytes(), font_paths=fonts).compile(
            format="png", ppi=110.0, sys_inputs=inputs
        )
        first = pages[0] if isinstance(pages, list) else pages
        (DOCS / f"sample-report{ending}.png").write_bytes(first)


if __name__ == "__main__":
    main()
