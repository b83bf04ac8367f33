"""BOSS tells what people did: as one curl does it, through the product's real door."""

from __future__ import annotations

import requests

from tests.conftest import World

ORDERED = {"type": "package_ordered", "values": {"amount_fen": 5000, "package": "10GB"}}


def test_one_call_tells_an_event_of_somebody_here(world: World) -> None:
    told = world.control("POST", "/boss/events", who="李雷", **ORDERED)
    (event,) = told["events"]
    assert told["status"] == 200
    assert told["answer"] == {"results": [{"event_id": event["event_id"], "result": "accepted"}]}
    assert event["msisdn"] == "+8613800000001"
    again = world.control("POST", "/boss/events", events=told["events"])
    assert again["answer"]["results"][0]["result"] == "repeat"
    replayed = world.control("POST", f"/wire/{told['id']}/replay")
    assert replayed["status"] == 200
    assert world.rows("SELECT count(*) FROM earning_events") == [(1,)]


def test_a_bad_event_is_answered_with_its_reason(world: World) -> None:
    told = world.control("POST", "/boss/events", who="王大爷", type="Ordered")
    assert told["answer"]["results"][0]["reason"].startswith("type: ")
    told = world.control("POST", "/boss/events", events="none")
    assert (told["status"], "events" in told["answer"]["error"]) == (400, True)


def test_faults_strike_events_too(world: World) -> None:
    world.fault("boss.callback", "bad_signature", path="/boss/events")
    assert world.control("POST", "/boss/events", who="李雷", **ORDERED)["status"] == 403
    world.fault("boss.callback", "duplicate", path="/boss/events")
    told = world.control("POST", "/boss/events", who="李雷", **ORDERED)
    assert told["answer"]["results"][0]["result"] == "repeat"
    assert world.rows("SELECT count(*) FROM earning_events") == [(1,)]


def test_what_cannot_be_told_is_refused_by_the_emulator(world: World) -> None:
    for body, status in (({"who": "nobody"}, 404), ({"colour": "red"}, 400)):
        url = f"{world.emulators_url}/control/boss/events"
        assert requests.post(url, json=body, timeout=60).status_code == status
