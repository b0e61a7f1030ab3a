"""The colours with a fixed meaning, and the style sheet of the page frame.

| role          | means                                   | mark beside the colour      |
|---------------|-----------------------------------------|-----------------------------|
| signal        | the clean image, its share alpha        | solid line, round key       |
| noise         | noise, real or predicted, its share     | dashed line, striped key    |
| prediction    | what the network predicts               | dotted line, diamond key    |
| conditional   | predicted with the prompt               | long dashes                 |
| unconditional | predicted without it                    | dash and dot                |

The hues are Okabe and Ito's, which stay apart for colour-blind eyes, darkened for the light theme and
lightened for the dark one until text in them has a contrast of at least 4.5 to 1.
"""

from __future__ import annotations

import streamlit as st

LIGHT = {
    "signal": "#1d5fa8",
    "noise": "#b1470a",
    "prediction": "#00735a",
    "conditional": "#9c3a78",
    "unconditional": "#5d6472",
    "ground": "#fbfaf6",
    "text": "#1c2230",
    "line": "#d9d4c6",
    "line-strong": "#8b8779",
    "focus": "#b1470a",
    # Samplers have no role: each has a colour, a dash and a mark of its own, in the order of SAMPLERS.
    "series-0": "#1c2230",
    "series-1": "#5d6472",
    "series-2": "#0f6f86",
    "series-3": "#8a5a00",
    "series-4": "#7a3fb0",
    "series-5": "#a3324b",
}
DARK = {
    "signal": "#7db8f2",
    "noise": "#f0984a",
    "prediction": "#4fd0ac",
    "conditional": "#e39bcb",
    "unconditional": "#a9b0bd",
    "ground": "#14171d",
    "text": "#ece9e1",
    "line": "#39404d",
    "line-strong": "#7b8494",
    "focus": "#f0984a",
    "series-0": "#ece9e1",
    "series-1": "#a9b0bd",
    "series-2": "#5cc8de",
    "series-3": "#e0b558",
    "series-4": "#c39bf0",
    "series-5": "#f08ba0",
}


def palette() -> dict[str, str]:
    """The colours of the theme the visitor sees, for figures that are drawn on the server."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def style_sheet(presenter: bool) -> str:
    """CSS for the whole page: the roles as variables, spacing, and the presenter's large type."""
    size = _PRESENTER if presenter else ""
    return f"<style>{_ROLES} {_KEYFRAMES} {_SMALL} {size} {_CSS}</style>"


_ROLES = f":root {{ {''.join(f'--dv-{k}: light-dark({LIGHT[k]}, {DARK[k]});' for k in LIGHT)} }}"
_KEYFRAMES = (
    "@keyframes dv-wait { from { background-position: 120% 0; } to { background-position: -20% 0; } }"
    " @keyframes dv-late { to { visibility: visible; } }"
)
# Beside the menu of a small screen the text of a player finds room beside its images if these are this tall, and then
# the scrubber is in sight too.
_SMALL = "@media (641px <= width <= 1150px) and (height <= 820px) { :root { --dv-tall: 42dvh; } }"
_PRESENTER = """:root { --dv-presenter: 1; --dv-tall: 66dvh; }
:is(.st-key-lead, .st-key-objectives) { display: none; } /* the instructor says it */
html { font-size: 21px !important; }
[data-testid="stSidebar"]:not([aria-expanded="false"]) { min-width: 300px !important; }
"""
_CSS = """
.stMainBlockContainer { padding: 1.5rem 2.4rem 4rem; max-width: none; }
/* Streamlit's header lies over the title; only its buttons take clicks. */
.stAppHeader { background: transparent; pointer-events: none; }
.stAppHeader * { pointer-events: none; }
.stAppHeader :is(button, a, [data-testid="stStatusWidget"]), .stAppHeader :is(button, a, [data-testid="stStatusWidget"]) * {
  pointer-events: auto;
}
.stMainBlockContainer > .stVerticalBlock { gap: .55rem; }
.stMainBlockContainer h1 { font-size: 1.9rem; padding: 0; line-height: 1.12; letter-spacing: -.01em; }
/* Streamlit's own menu lies over its end, and while a script runs "Stop" too; the running figure would lie on words. */
.st-key-head { row-gap: 0; padding-right: 2rem; }
@media (min-width: 1200px) { .st-key-head { padding-right: 3.2rem; } }
[data-testid^="stStatusWidgetRunning"] { display: none; }
.st-key-head > [data-testid="stLayoutWrapper"]:last-child { margin-left: auto; width: auto !important;
  flex: 0 0 auto !important; }
@media (max-width: 1399px) { .st-key-head .stElementContainer:has(.dv-kicker) { display: none; } }
.st-key-objectives { flex-wrap: nowrap; width: auto; }
.st-key-objectives button { min-height: 24px; padding: .1rem .3rem; }
/* Text keeps a length of line that can be read, whatever the width of the images. */
.st-key-below > * { max-width: 1180px; }
:is(.st-key-question, .st-key-strip, .st-key-stage):empty { display: none; }
.st-key-stage.st-key-stage { border: 0; padding: 0; border-radius: 0; }
/* The strip of controls: each as wide as it needs to be, side by side. */
.st-key-strip { border-top: 1px solid var(--dv-line); padding-top: .5rem; }
.st-key-strip > .stElementContainer:has(.stTextInput) { flex: 2 1 200px; max-width: 340px; }
.st-key-strip > .stElementContainer:has(:is(.stSelectbox, .stSlider)) { flex: 1 1 130px; max-width: 260px; }
/* The switches of the U-Net have long names. */
.st-key-strip > .stElementContainer.st-key-switch:has(.stSelectbox) { flex: 2 1 280px; max-width: 440px; }
.st-key-strip > .st-key-more { order: 9; margin-left: auto; }
.st-key-strip > :has(> [class*="st-key-attribution"], > .st-key-more-set) { order: 10; flex: 1 1 100%; margin-top: -.3rem; }
/* Until a page, and a player, is there for the first time, its room is kept, so that nothing below it moves. */
.stApp:not(:has(.dv-complete)) .st-key-stage { display: flex !important; }
.stApp:not(:has(.dv-complete)) .st-key-stage,
.st-key-stage [class*="-player"].stElementContainer:not([data-dv-ready]) {
  min-height: calc(min(var(--dv-tall, 60dvh), 72cqw) + 134px); border-radius: .5rem; }
.stApp:not(:has(.dv-complete)) .st-key-stage:not(:has(.dv-player, .stBidiComponent)),
.st-key-stage [class*="-player"].stElementContainer:not([data-dv-ready]) {
  background: linear-gradient(100deg, transparent 30%, var(--dv-line) 50%, transparent 70%) 0 / 300% 100%;
  animation: dv-wait 1.6s linear infinite; }
/* The frame that a player begins with lies over its room, and takes none itself. */
.stElementContainer:has(.dv-first) { height: 0; margin-bottom: -1rem; overflow: visible; z-index: 1; pointer-events: none; }
.stElementContainer:has(.dv-first):has(+ [data-dv-ready]) { display: none; }
.st-key-stage.st-key-stage .stElementContainer:has(.dv-first) + [class*="-player"] { background: none; animation: none; }
[class*="-player"]:not([data-dv-ready]) ~ [data-testid="stLayoutWrapper"]:has(> [class*="st-key-saves"]) {
  visibility: hidden; }
.st-key-head .stElementContainer:has(> [data-testid="stSkeleton"]) { height: 34px; overflow: hidden; }
/* As tall as most of the sentences under a title are: two lines, in a narrow window three, on a phone five. */
.st-key-lead .stElementContainer:has(> [data-testid="stSkeleton"]) { height: 53.4px; overflow: hidden; }
@media (max-width: 1150px) { .st-key-lead .stElementContainer:has(> [data-testid="stSkeleton"]) { height: 79.4px; } }
@media (max-width: 640px) { .st-key-lead .stElementContainer:has(> [data-testid="stSkeleton"]) { height: 121.6px; } }
@media (prefers-reduced-motion: reduce) { :is(.st-key-stage, .st-key-stage *) { animation: none !important; } }
/* A bar that glides from step to step has the whole window drawn sixty times a second, beside the run that it tells of. */
[data-testid="stProgress"] [role="progressbar"] * { transition: none; }
/* A run is saved from the end of the player's bar. */
[class*="st-key-saves"] { position: relative; z-index: 2; margin-top: -3.5rem; margin-left: auto; width: max-content; }
/* A question above takes some of the image's height, so that the scrubber stays in sight. */
.stMainBlockContainer:has(.st-key-question button) { --dv-tall: 55dvh; }
.stMainBlockContainer:has(.st-key-question button):has(.st-key-parts) { --dv-tall: 53dvh; }
@media (641px <= width <= 1150px) and (height <= 820px) {
  .stMainBlockContainer.stMainBlockContainer:has(.st-key-question button) { --dv-tall: 42dvh; }
}
.dv-stale { opacity: .45; filter: saturate(.3); }
/* Results behind a question. */
[class*="st-key-locked"] { filter: blur(max(11px, 1.2vw)) saturate(.6); opacity: .75; pointer-events: none;
  user-select: none; background: color-mix(in srgb, currentColor 8%, transparent); border-radius: .6rem; }
.stMainBlockContainer h2 { font-size: 1.4rem; padding-top: 1.2rem; }
.stColumn h2 { font-size: 1.2rem; padding-top: .2rem; }
.stMainBlockContainer h3 { font-size: 1.12rem; padding-top: .6rem; }
.stMainBlockContainer p, .stMainBlockContainer li { line-height: 1.5; }
.dv-lead { font-size: 1.08rem; max-width: 110ch; margin: 0 0 .1rem; line-height: 1.35; }
.dv-kicker { font-size: .85rem; letter-spacing: .06em; text-transform: uppercase; opacity: .8; margin: 0; }
.dv-c-signal { color: var(--dv-signal); font-weight: 650; }
.dv-c-noise { color: var(--dv-noise); font-weight: 650; }
.dv-c-prediction { color: var(--dv-prediction); font-weight: 650; }
.dv-c-conditional { color: var(--dv-conditional); font-weight: 650; }
.dv-c-unconditional { color: var(--dv-unconditional); font-weight: 650; }
:focus-visible { outline: 3px solid var(--dv-focus) !important; outline-offset: 2px; }
.stCaptionContainer, [data-testid="stCaptionContainer"] { color: inherit; opacity: .86; }
/* Streamlit writes white on the primary colour, which the dark theme's is too light for. */
[data-testid="stBaseButton-primary"]:enabled :is(p, kbd), [data-testid="stBaseButton-primary"]:enabled {
  color: var(--dv-ground) !important;
}
kbd { opacity: 1 !important; }
/* A long formula wraps between its parts; it would scroll otherwise, out of a keyboard's reach. */
.stMainBlockContainer .katex-display { overflow: visible; }
.stMainBlockContainer .katex-display > .katex, .stMainBlockContainer .katex-display > .katex > .katex-html {
  white-space: normal;
}
/* The menu fits 800 pixels of height, and its titles wrap instead of being cut off. */
[data-testid="stSidebarHeader"] { height: 2.4rem; min-height: 0; margin: 0; padding-block: .3rem 0; }
[data-testid="stSidebarContent"] { padding-inline: 0; }
[data-testid="stSidebarUserContent"] { padding: 0 .8rem .4rem; }
.st-key-menu > .stElementContainer { margin: 0; }
.st-key-menu .stPageLink a { margin: 0; padding: .22rem .4rem; min-height: 24px; align-items: flex-start; }
.st-key-menu .stPageLink a :is(p, span) { white-space: normal; line-height: 1.3; }
.st-key-menu .stElementContainer:has(> [data-testid="stSkeleton"]) { height: 27.5px; overflow: hidden; }
.st-key-menu .st-key-find.st-key-find:has(> [data-testid="stSkeleton"]) { height: 49.6px; }
.st-key-menu .dv-kicker { margin: .5rem 0 .1rem; font-size: .78rem; line-height: 1.3; }
.st-key-menu .stSelectbox { margin: .3rem 0; }
.st-key-menu-end { margin-top: .5rem; min-height: 28px; flex-wrap: nowrap; }
.st-key-menu-end .stPopover button { min-height: 28px; padding: 0 .25rem; }
.st-key-menu-end .stPopover button p { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
.st-key-lessons { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: .4rem 2.4rem; }
.st-key-lessons .stPageLink a { align-items: flex-start; padding-block: .1rem; }
.st-key-lessons .stPageLink a :is(p, span) { white-space: normal; line-height: 1.35; }
.st-key-lessons h3.dv-kicker { padding: .7rem 0 .15rem; font-size: .85rem; font-weight: 600; }
.st-key-lessons [data-testid="stCaptionContainer"] { padding: 0 0 .3rem 2.15rem; line-height: 1.35; }
.st-key-phases h2 { font-size: 1.12rem; padding: 0 0 .3rem; }
/* The room of the cards of Practice until they are there: their own style comes with them. */
.st-key-cards:not(:has(.dv-cards)) { min-height: 12.6rem; }
@media (max-width: 1100px) { .st-key-cards:not(:has(.dv-cards)) { min-height: 20.6rem; } }
.st-key-way button { padding-inline: .62rem; }
.stPageLink a { padding: .35rem .6rem; }
@media (max-width: 640px) {
  .st-key-concept-map { display: none; } /* too small to read there; the list says the same */
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; padding-top: 2.9rem; }
  .stMainBlockContainer h1 { font-size: 1.5rem; }
  .dv-lead { font-size: 1rem; }
  /* Out of sight, and still the name of the button. */
  [class*="st-key-saves"] button p { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  [data-testid="stLayoutWrapper"]:has(> .st-key-stage) { position: sticky; top: 2.6rem; z-index: 90;
    background: var(--dv-ground); padding-bottom: .3rem; }
  /* Image and scrubber come first, then the question about them, then the rest. */
  :has(> .st-key-question) { order: 1; }
  :has(> .st-key-question) ~ :not(:has(> .st-key-stage)) { order: 2; }
}
"""


def first_paint(rest: str, menu_width: int) -> str:
    """The style for the head of the start page: that of the pages, `rest` included, and room for a menu of so many pixels.

    Streamlit's own rules come after it there, and would win at equal specificity: so it is nested in `html`.
    """
    room = f".stAppViewContainer:not(:has([data-testid='stSidebar'])) {{ padding-left: {menu_width}px; }}"
    nested = f"html {{ {_CSS} {rest} @media (min-width: 769px) {{ {room} }} }}"
    return f"<style>{_ROLES} {_KEYFRAMES} {nested}</style>"
