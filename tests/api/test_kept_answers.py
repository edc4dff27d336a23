"""Kept answers: what they may take, and what makes an old one worthless."""

import dataclasses
import shutil

from flask import g

from csi_service.access import Caller
from csi_service.api.kept_answers import KeptAnswers, Made
from csi_service.app import create_app
from csi_service.services import build_services
from tests.keys import keyed, new_key
from tests.make import WEIGHTS
from tests.store.kept import call, put


def test_what_a_request_is_known_by_takes_room_too(app, services, viewer_key):
    answers, made = KeptAnswers(services, 30_000), []
    revision = services.store().database.pulse()
    for number in (1, 2, 3, 1):  # of 11 kB each, nearly all of it the header; two fit
        with app.test_request_context(f"/?number={number}", headers={"Accept": f"{'text/csv,' * 1000}*/*"}):
            g.caller = Caller("somebody", "viewer", 1, "csi_0123456789")
            answers.answer(lambda _, number=number: made.append(number) or Made(b"x", revision))
    assert made == [1, 2, 3, 1]


def test_weights_are_found_however_their_parameter_is_written(services, tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    text = (folder / "default.toml").read_text(encoding="utf-8")
    settings = dataclasses.replace(services.settings, weights=folder)
    moved = dataclasses.replace(build_services(settings), today=services.today)
    client = keyed(create_app(moved), new_key(moved))
    put(moved.store(), "calls", call("C1", "2026-03-02 09:00"))
    titles = []
    for change in ("", "New "):
        (folder / "mine.toml").write_text(text.replace('title = "', f'title = "{change}'), encoding="utf-8")
        titles.append(client.get("/api/v1/scores?period=2026-03&w%65ights=mine").json["weights"]["title"])
    assert titles[1] == f"New {titles[0]}"
    moved.store().database.close()
