"""The page in headless Chromium; skipped without it (`apt-get install chromium`)."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from suite.registry import Registry
from suite.report.write import write_report
from tests.report.hostile import HOSTILE, hostile_records
from tests.report.make_golden import golden_records

sync = pytest.importorskip("playwright.sync_api", reason="no playwright: install the extra dev")

CHROMIUM = shutil.which("chromium")
OMNIGLOT = "omniglot-5way-1shot"
TIMEOUT = 10_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """A page of the golden registry and of records that mean harm."""
    root = tmp_path_factory.mktemp("site")
    registry = Registry(root / "results")
    for record in (*golden_records(), *hostile_records()):
        registry.write(record)
    write_report(registry.root, root / "reports", page=True)
    return (root / "reports" / "index.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, address):
    """Open the page; at the end it must have asked for nothing else and complained of nothing."""
    contexts, complaints, requests = [], [], []

    def visit(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(TIMEOUT)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(address)
        return tab

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []
    assert set(requests) == {address}


def cells(tab, name: str) -> list[str]:
    heads = [each.split(" ↕")[0] for each in tab.locator("#table thead th").all_inner_texts()]
    at = heads.index(name) + 1
    return tab.locator(f"#table tbody tr > :nth-child({at})").all_inner_texts()


def test_a_browser_shows_the_records_and_runs_nothing_of_theirs(opened):
    tab = opened()
    assert tab.title() == "MAML, regenerated"
    assert tab.locator("#table tbody tr").count() == 50
    tab.get_by_label("search").fill("owned")
    (failure,) = cells(tab, "failure")
    assert HOSTILE in failure
    assert tab.title() == "MAML, regenerated"
    href = tab.locator("#table tbody a").evaluate("link => link.href")
    assert Path(unquote(href.removeprefix("file://"))).is_file()


def test_headers_sort_by_click_and_by_keyboard(opened):
    tab = opened()
    head = tab.locator("#table thead th", has_text="seed")
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    seeds = [int(seed) for seed in cells(tab, "seed")]
    assert (head.get_attribute("aria-sort"), seeds) == ("ascending", sorted(seeds))
    head.get_by_role("button").press("Enter")
    seeds = [int(seed) for seed in cells(tab, "seed")]
    assert (head.get_attribute("aria-sort"), seeds) == ("descending", sorted(seeds)[::-1])
    assert max(seeds) == 2
    score = tab.locator("#table thead th", has_text="score")
    score.get_by_role("button").press("Space")
    shown = [float(each.split()[0]) for each in cells(tab, "score ± over tasks")]
    assert shown == sorted(shown)
    assert head.get_attribute("aria-sort") == "none"


def test_filters_join_and_pages_turn(opened):
    tab = opened()
    total = len(list(golden_records())) + len(list(hostile_records()))
    found = tab.locator("#found")
    assert found.inner_text() == f"{total} of {total} records match; shown: 1 to 50"
    tab.get_by_role("button", name="Next").click()
    assert tab.locator("#table tbody tr").count() == total - 50
    tab.get_by_label("setting", exact=True).select_option(OMNIGLOT)
    tab.get_by_label("method", exact=True).select_option("fomaml")
    assert cells(tab, "method") == ["fomaml"] * 2
    tab.get_by_label("status", exact=True).select_option("failed")
    assert cells(tab, "status") == ["failed"]
    tab.get_by_label("search").fill("no such words")
    assert "0 of" in found.inner_text()
    assert tab.locator("#table tbody tr").count() == 0


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_page_does_not_scroll_sideways(opened, width):
    tab = opened(viewport={"width": width, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    box = tab.locator("#table")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")


def test_dark_and_light_apply_and_the_button_overrules(opened):
    background = "getComputedStyle(document.body).backgroundColor"
    dark, light = opened(color_scheme="dark"), opened(color_scheme="light")
    colours = dark.evaluate(background), light.evaluate(background)
    assert colours == ("rgb(21, 24, 28)", "rgb(253, 253, 251)")
    light.get_by_role("button", name="Dark").click()
    assert light.evaluate(background) == colours[0]
    dark.get_by_role("button", name="Light").click()
    assert dark.evaluate(background) == colours[1]


def test_without_scripts_the_page_says_where_the_records_are(opened):
    tab = opened(java_script_enabled=False)
    assert "This table needs JavaScript" in tab.locator("noscript").inner_text()
    assert not tab.locator("#theme").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out(opened, scheme):
    tab = opened(color_scheme=scheme)
    script = """names => {
      const style = getComputedStyle(document.documentElement);
      const light = (name) => {
        const parts = style.getPropertyValue("--" + name).trim().match(/[0-9a-f]{2}/g);
        const linear = parts.map((part) => parseInt(part, 16) / 255)
          .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
      };
      const ground = light("paper");
      return names.map((name) => {
        const pair = [light(name), ground].sort();
        return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
      });
    }"""
    words = ["ink", "soft", "link", "good", "bad", "few", "none"]
    assert min(tab.evaluate(script, words)) >= 4.5
    lines = ["maml", "fomaml", "pretraining", "random-init", "oracle", "fine-tuning"]
    lines += ["nearest-neighbour", "spare-0", "spare-1", "spare-2"]
    assert min(tab.evaluate(script, lines)) >= 3.0
