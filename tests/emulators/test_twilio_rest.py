"""Twilio's REST API and webhooks; checked with Twilio's own validator and client library."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

PUBLIC = "https://life.example"
STATUS = "/sms/twilio/status?owed=42"


def is_signed(client: Any, got: Any) -> bool:
    public = client.settings.public_url
    url = public + got.path + ("?owed=42" if got.query else "")
    validator = RequestValidator(client.settings.auth_token)
    return bool(validator.validate(url, got.form, got.headers["X-Twilio-Signature"]))


def test_a_message_is_queued_sent_delivered_and_each_step_is_told(start: Any, product: Any) -> None:
    client = start(public_url=PUBLIC)
    answer = client.twilio(text="您好，回复是加入", StatusCallback=PUBLIC + STATUS)
    message = answer.json()
    assert answer.status_code == 201
    assert (message["status"], message["num_segments"], message["error_code"]) == (
        "queued",
        "1",
        None,
    )
    client.rest()
    told = product.paths("/sms/twilio/status")
    assert [got.form["MessageStatus"] for got in told] == ["queued", "sent", "delivered"]
    assert {got.form["MessageSid"] for got in told} == {message["sid"]}
    assert all(got.query == {"owed": "42"} and is_signed(client, got) for got in told)
    (entry,) = client.phone("李雷")["sms"]
    assert (entry["from"], entry["text"], entry["status"]) == (
        "them",
        "您好，回复是加入",
        "delivered",
    )
    url = client.messages_url.replace(".json", f"/{message['sid']}.json")
    auth = (client.settings.account_sid, client.settings.auth_token)
    assert client.http.get(url, auth=auth, timeout=60).json()["status"] == "delivered"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": ""}, 21604),
        ({"to": "13800000001"}, 21211),
        ({"to": "+0123"}, 21211),
        ({"text": ""}, 21602),
        ({"text": "x" * 1601}, 21617),
        ({"From": "+15550000000"}, 21606),
        ({"From": ""}, 21603),
        ({"StatusCallback": "no url"}, 21609),
        ({"StatusCallback": "http://host:port/"}, 21609),
    ],
)
def test_bad_messages_are_refused(client: Any, change: dict[str, str], code: int) -> None:
    answer = client.twilio(**change)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, code, 400)


def test_wrong_credentials_are_refused(client: Any) -> None:
    for auth in (("AC1", "wrong"), (client.settings.account_sid, "wrong"), None):
        answer = client.http.post(client.messages_url, data={}, auth=auth, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (401, 20003)


def test_who_texted_stop_gets_nothing_until_start(client: Any) -> None:
    client.control("POST", "/sms/李雷/text", text=" Stop ")
    assert client.twilio().json()["code"] == 21610
    assert client.twilio(to="+8613800000002").status_code == 201
    client.control("POST", "/sms/李雷/text", text="START")
    assert client.twilio().status_code == 201


def test_long_texts_are_counted_in_segments(client: Any) -> None:
    counts = [
        client.twilio(text=text).json()["num_segments"]
        for text in ("a" * 160, "a" * 161, "字" * 70, "字" * 71, "字" * 134, "😀" * 36, "{" * 81)
    ]
    assert counts == ["1", "2", "1", "2", "2", "2", "2"]


def test_a_subscribers_text_comes_signed_and_twiml_answers_it(start: Any, product: Any) -> None:
    client = start(public_url=PUBLIC)
    product.answer = lambda got: (200, "<Response><Message>好</Message></Response>".encode())
    done = client.control("POST", "/sms/+8613800000003/text", text="是。")
    assert done["status"] == 200
    (got,) = product.got
    assert (got.path, is_signed(client, got)) == ("/sms/twilio", True)
    form = got.form
    assert (form["From"], form["Body"], form["NumMedia"]) == ("+8613800000003", "是。", "0")
    assert form["MessageSid"].startswith("SM")
    client.rest()
    mine, theirs = client.phone("王大爷")["sms"]
    assert (mine["text"], mine["status"], theirs["text"]) == ("是。", "sent", "好")


def test_a_text_that_nobody_took_is_shown_as_failed(client: Any, product: Any) -> None:
    product.answer = lambda got: (500, b"")
    assert client.control("POST", "/sms/李雷/text", text="是")["status"] == 500
    assert client.phone("李雷")["sms"][0]["status"] == "failed"
    assert len({got.form["MessageSid"] for got in product.got}) == 1
    assert len(product.got) == 3


@pytest.fixture
def listed(client: Any) -> Callable[..., Any]:
    def ask(**query: Any) -> Any:
        auth = (client.settings.account_sid, client.settings.auth_token)
        url = query.pop("url", client.messages_url)
        return client.http.get(url, params=query, auth=auth, timeout=60).json()

    return ask


def test_messages_are_listed_by_receiver_time_and_page(
    client: Any, listed: Callable[..., Any]
) -> None:
    for number in range(5):
        client.twilio(text=f"no {number}")
    client.twilio(to="+8613800000002", text="other")
    client.rest()
    first = listed(To="+8613800000001", PageSize=2)
    assert [len(first["messages"]), first["page"], first["previous_page_uri"]] == [2, 0, None]
    second = listed(url=client.url + first["next_page_uri"])
    third = listed(url=client.url + second["next_page_uri"])
    assert third["next_page_uri"] is None
    bodies = {m["body"] for page in (first, second, third) for m in page["messages"]}
    assert bodies == {f"no {number}" for number in range(5)}
    assert len(listed()["messages"]) == 6
    assert listed(From="+15550000000")["messages"] == []
    soon = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert listed(**{"DateSent>": soon})["messages"] == []
    assert len(listed(**{"DateSent<": soon})["messages"]) == 6
    assert len(listed(DateSent=datetime.now(UTC).date().isoformat())["messages"]) == 6


def test_twilios_own_library_sends_fetches_and_lists(client: Any) -> None:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client as TwilioClient

    class Redirected(TwilioHttpClient):
        def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
            url = url.replace("https://api.twilio.com", client.url)
            return super().request(method, url, *args, **more)

    http = Redirected()
    settings = client.settings
    twilio = TwilioClient(settings.account_sid, settings.auth_token, http_client=http)
    sent = twilio.messages.create(to="+8613800000001", from_=settings.from_number, body="您好")
    client.rest()
    assert twilio.messages(sent.sid).fetch().status == "delivered"
    since = datetime.now(UTC) - timedelta(minutes=1)
    found = twilio.messages.list(to="+8613800000001", date_sent_after=since, limit=20)
    assert [message.sid for message in found] == [sent.sid]
    http.session.close()


def test_sending_goes_on_after_a_restart(start: Any, tmp_path: Any) -> None:
    first = start(data_dir=tmp_path, twilio_step_s=3600.0)
    first.twilio(text="unterwegs")
    first.emulators.stop()
    second = start(data_dir=tmp_path)
    second.rest()
    assert second.phone("李雷")["sms"][0]["text"] == "unterwegs"


def test_a_message_arrives_even_when_nobody_takes_the_reports(start: Any, product: Any) -> None:
    client = start(twilio_retry_after_s=3600.0)
    product.answer = lambda got: (503, b"")
    client.twilio(StatusCallback=product.url + "/status")
    while not client.phone("李雷")["sms"]:
        client.http.get(f"{client.url}/healthz", timeout=60)
    assert client.phone("李雷")["sms"][0]["status"] == "delivered"
