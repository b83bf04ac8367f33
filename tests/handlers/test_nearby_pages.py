"""The page of partner stores: around a place, in a city, with a map of each."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import World


def names(world: World, path: str) -> list[str]:
    answer = world.http.get(world.url + path, timeout=60)
    assert answer.status_code == 200
    return re.findall(r'class="near__name"><b>(.*?)</b>', answer.text)


def test_around_a_place_the_nearest_come_first_each_with_a_map(world: World) -> None:
    text = world.http.get(f"{world.url}/nearby/28.196/112.977", timeout=60).text
    first = text[text.index('class="near__name"') :]
    assert "星河影城五一店</b>" in first
    assert "约100米" in first
    assert "可以换：半价电影票" in first
    (link, *_) = re.findall(r'class="near__map" href="(.*?)"', first)
    address = urlsplit(html.unescape(link))
    assert (address.scheme, address.netloc) == ("https", "apis.map.qq.com")
    marker = parse_qs(address.query)["marker"]
    assert marker == ["coord:28.195,112.977;title:星河影城五一店;addr:五一大道88号"]


def test_a_street_comes_first_and_then_what_is_near_to_it(world: World) -> None:
    assert names(world, "/nearby?where=长沙五一大道")[:2] == ["星河影城五一店", "锦绣理发定王台店"]
    assert names(world, "/nearby?where=株洲") == ["安行汽修天元店"]
    assert names(world, "/nearby") == []
    assert names(world, "/nearby?where=拉萨") == []
    assert names(world, "/nearby/39.908/116.397") == []


@pytest.mark.parametrize(
    "path",
    ["/nearby/x/1", "/nearby/91/0", "/nearby/0/181", "/nearby/1e3/0", "/nearby/nan/0",
     "/nearby/28.1234567/1"],
)  # fmt: skip
def test_what_is_no_place_is_not_found(world: World, path: str) -> None:
    assert world.http.get(world.url + path, timeout=60).status_code == 404


@pytest.mark.parametrize("where", ["%00", "%25", "'; DROP TABLE stores; --", "<script>", "长" * 99])
def test_whatever_is_asked_for_is_a_place_that_is_not_there(world: World, where: str) -> None:
    answer = world.http.get(f"{world.url}/nearby?where={where}", timeout=60)
    assert answer.status_code == 200
    assert "<script>" not in answer.text
