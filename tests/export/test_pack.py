"""The teaching pack: slides that need nothing else, worksheets with their keys, and the command that writes both."""

import html
import io
import re
import shutil

import pytest
from fontTools.ttLib import TTFont
from PIL import Image
from pypdf import PdfReader

from diffviz.cli import main
from diffviz.export import figures, labs, pack, slides, worksheets
from diffviz.export.selection import EVERYTHING, QUIZ_KINDS, Selection
from diffviz.lessons import content
from diffviz.lessons import worksheets as tables
from diffviz.lessons.content import ContentError
from diffviz.models import checkpoints
from diffviz.paths import FONTS

PLANS = content.plans()
QUICK = checkpoints.QUICK


def text_of(raw):
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(raw)).pages)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(slides, "_image", lambda page, state, model: f"<figure>{page}</figure>")


@pytest.mark.parametrize("plan", PLANS, ids=lambda p: p.id)
def test_a_deck_asks_then_shows_then_answers_and_keeps_the_reply_in_the_notes(plan, no_figures):
    deck = slides.deck(plan)
    sections = re.findall(r"<section.*?</section>", deck, re.S)
    title, *phases = sections
    assert all(html.escape(phase.title) in title for phase in plan.phases)
    assert len(phases) == 3 * len(plan.phases)
    for i, phase in enumerate(plan.phases):
        question, figure, answer = (section.split("<aside>")[0] for section in phases[3 * i : 3 * i + 3])
        assert (
            html.escape(phase.ask) in question
            and "<figure>" in figure
            and html.escape(phase.answer) in answer
        )
        assert "<figure>" not in question and html.escape(phase.answer) not in question + figure
        assert html.escape(phase.reply) not in question + figure + answer
        assert html.escape(phase.reply) in phases[3 * i] and html.escape(phase.reply) in phases[3 * i + 2]


def test_a_deck_needs_nothing_from_outside_and_links_to_the_app_where_it_is_known(no_figures):
    loads = r"""(?:src|href)=["'](?!data:|#)|@import|url\(|fetch\(|<link|<iframe"""
    assert not re.search(loads, slides.deck(PLANS[0], EVERYTHING))
    linked = slides.deck(PLANS[0], Selection(app_url="http://localhost:8501"))
    assert 'href="http://localhost:8501/reverse?prompt=cat+face&amp;seed=0"' in linked


EVERY_DEMO = [demo for plan in PLANS for phase in plan.phases for demo in phase.demos]
DEMOS = {demo.page: demo for demo in reversed(EVERY_DEMO)}  # of each page the first
NO_RUN = {"practice", "generative_models"}


@pytest.mark.slow
@pytest.mark.parametrize("page", DEMOS)
def test_the_figure_of_a_page_is_a_run_and_says_of_what(page, monkeypatch):
    monkeypatch.setattr(figures, "STEPS", 2)
    monkeypatch.setattr(figures.broken_pipelines, "STEPS", 2)
    found = figures.figure(page, {**DEMOS[page].state, "grid": "2"}, QUICK)
    if page in NO_RUN or DEMOS[page].state.get("inside") == "Blocks and activations":
        assert found is None
        return
    image = Image.open(io.BytesIO(found.png))
    assert image.size == (found.width, found.height) and len(image.getcolors(100_000)) > 50
    assert found.alt and re.search(r"seed|sample image", found.caption)


OTHERS = (  # states of a page whose figure is one of another part of it
    *({"beside": part} for part in ("VAE, GAN, diffusion", "Flow matching and reflow", "Distillation")),
    *({"latent": part} for part in ("Parts of Stable Diffusion", "Cost")),
    {"latent": "Diffuse in latents", "process": "reverse"},
    {"latent": "Interpolate", "middle": "two noises"},
    {"picture": "Draw", "into": "sunflower"},
    {"learn": "Loss by timestep"},
    *({"part": part} for part in ("Measured quality", "Blind test")),
    *({"show": part} for part in ("Guidance interval", "Classifier guidance")),
)


@pytest.mark.parametrize("state", OTHERS, ids=lambda s: " ".join(s.values()))
def test_a_demo_has_no_figure_of_another_part_of_its_page(state):
    shown = [demo for demo in EVERY_DEMO if state.items() <= demo.state.items()]
    assert shown
    assert all(figures.figure(demo.page, demo.state, QUICK) is None for demo in shown)


@pytest.mark.slow
def test_inpainting_is_with_the_resampling_steps_and_the_prompt_of_the_demo(monkeypatch):
    monkeypatch.setattr(figures, "STEPS", 2)
    (demo,) = (demo for demo in EVERY_DEMO if demo.state.get("do") == "Inpainting")
    own = figures.figure("editing", demo.state, QUICK)
    assert "once and 8 times; prompt “cat face with sunglasses”" in own.caption
    other = figures.figure("editing", {**demo.state, "rounds": "2", "filling": "bear"}, QUICK)
    assert "once and 2 times; prompt “bear”" in other.caption and other.png != own.png
    assert figures.figure("editing", {**demo.state, "hole": "the left half"}, QUICK) is None


def test_a_figure_is_the_run_that_its_caption_names():
    settings = figures._settings(
        {"prompt": "red heart", "seed": "3", "steps": "2", "sampler": "UniPC"}, QUICK
    )
    assert (settings.prompt, settings.seed, settings.steps, settings.sampler) == ("red heart", 3, 2, "unipc")
    assert figures._made_with(settings) == (
        "prompt “red heart”, seed 3, UniPC, 2 steps, guidance scale 3, network emoji32"
    )


@pytest.mark.slow
@pytest.mark.browser
def test_a_clicker_turns_the_slides_and_each_prints_on_a_page(browser, no_figures, tmp_path):
    file = tmp_path / "deck.html"
    file.write_text(slides.deck(PLANS[0]), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    seen = page.locator("section:visible")
    for key, number in (
        ("PageDown", 2),
        ("ArrowRight", 3),
        ("PageUp", 2),
        ("End", 22),
        ("PageDown", 22),
        ("Home", 1),
    ):
        page.keyboard.press(key)
        assert seen.count() == 1 and seen.get_attribute("id") == f"s{number}"
    page.mouse.click(1200, 300)
    assert seen.get_attribute("id") == "s2" and not page.locator("aside:visible").count()
    page.keyboard.press("n")
    assert page.locator("aside:visible").count() == 1
    assert (
        len(PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages)
        == page.locator("section").count()
    )
    assert asked == [file.as_uri()]
    page.close()


ON_PAPER = ("plans", "worksheets", "exercises", *QUIZ_KINDS, "flashcards")


@pytest.mark.parametrize("name", ON_PAPER)
@pytest.mark.parametrize("font", ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"])
def test_the_font_of_the_papers_has_every_glyph_of_their_texts(name, font):
    has = set(TTFont(FONTS / font).getBestCmap())
    text = (content.LESSONS / f"{name}.toml").read_text(encoding="utf-8")
    assert not {f"U+{ord(letter):04X}" for letter in text if letter != "\n" and ord(letter) not in has}


# --- worksheets ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS, ids=lambda p: p.id)
def test_a_worksheet_asks_everything_and_its_key_answers_apart(plan):
    sheet, key = text_of(worksheets.worksheet_pdf(plan)), text_of(worksheets.key_pdf(plan))
    assert "Name" in sheet and sheet.count("I expect:") == len(plan.phases)
    own = [table for (owner, _), table in tables.tables().items() if owner == plan.id]
    assert len(own) >= 2
    for table in own:
        answer = worksheets.table_key(table)
        assert table.caption in sheet and answer.endswith(".")
        assert answer[:60] in key and answer[:60] not in sheet
    for number, phase in enumerate(plan.phases, 1):
        assert f"{number}. {phase.title}" in sheet and f"{number}. {phase.title}" in key
        assert phase.answer[:40] in key and phase.answer[:40] not in sheet


def test_the_computed_keys_hold_the_figures_of_the_library():
    keys = {t.computed: worksheets.table_key(t) for t in tables.tables().values() if t.computed}
    assert "flow: t = 0.50" in keys["snr_one"] and "linear: t = 0.26, α(1) = 0.0066" in keys["snr_one"]
    assert "49,152" in keys["latent"] and "Ratio: 24." in keys["latent"]
    assert all(f"Run {n}: " in keys["bugs"] for n in (3, 9, 14))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('phase = "The prompt"', 'phase = "The weather"', "The weather"),
        ('plan = "plan-first"', 'plan = "plan-last"', "plan-last"),
        ("caption = ", "captions = ", "captions"),
        ('phase = "Denoise, again and again"', 'phase = "Adding noise is easy"', "two tables"),
        ('rows = ["first", "a quarter", "half", "last"]', "rows = []", "a row"),
    ],
)
def test_a_table_that_breaks_a_rule_is_named(tmp_path, old, new, says):
    shutil.copytree(content.LESSONS, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / tables.FILE).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / tables.FILE).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContentError, match=says):
        tables.tables(tmp_path)


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_writes_slides_worksheets_and_labs(tmp_path, capsys, no_figures):
    out = tmp_path / "handouts"
    formats = [part for name in pack.PACK for part in ("--format", name)]
    assert main(["export", *formats, "--plan", "first", "--plan", "plan-latent", "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {
        *(f"diffviz-slides-{plan}.html" for plan in ("first", "latent")),
        *(f"diffviz-worksheet-{plan}{key}.pdf" for plan in ("first", "latent") for key in ("", "-key")),
        *(f"{kind}-{name}.ipynb" for kind in ("lab", "solution") for name in labs.labs()),
    }
    said = capsys.readouterr().out
    assert all(name in said for name in names)


def test_a_plan_that_is_not_there_is_refused_with_the_nearest(tmp_path, capsys):
    assert main(["export", "slides", "--plan", "frist", "--out", str(tmp_path)]) == 2
    assert "there is no plan 'frist': did you mean 'first'?" in capsys.readouterr().err
