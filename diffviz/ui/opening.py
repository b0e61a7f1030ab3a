"""What a visitor sees until the first page is there: a recorded run, in the start page that the server sends.

A new browser takes a second or more to start Streamlit, whatever a page does. The images need no script, and are part of
the HTML: as files they would wait behind Streamlit's scripts. A style rule hides them when the page has its first
element, and `components/access` takes them out for good. `diffviz.training.build_opening` records them.
"""

from __future__ import annotations

import html
import json

from diffviz.imaging.encoding import data_url
from diffviz.paths import WEBAPP

FOLDER = WEBAPP / "static"
# A page has something to show: a title, a sentence, or a dialog, such as on a lost connection.
_THERE = ':has(:is([data-testid="stMain"] :is(h1, .stMarkdown, .stAlert, .stException), [role="dialog"]))'
CSS = f"""
/* Streamlit sets these later, and first in colours of its own. */
body:has(#dv-opening):not({_THERE}) {{ color-scheme: light dark; }}
body:has(#dv-opening):not({_THERE}), body:has(#dv-opening):not({_THERE}) .stApp {{ background: var(--dv-ground); }}
#dv-opening {{ position: fixed; inset: 0; display: grid; place-content: center; justify-items: center; gap: 16px;
  color: var(--dv-text); font: 16px/1.4 system-ui, sans-serif; text-align: center; pointer-events: none;
  z-index: 1000000; /* over whatever Streamlit shows before its page */ }}
#dv-opening img {{ display: block; width: 192px; height: 192px; image-rendering: pixelated; border-radius: 8px; }}
#dv-opening p {{ font: inherit; margin: 0; box-sizing: border-box; width: min(24em, 100vw); padding: 0 1em;
  text-wrap: balance; }}
#dv-opening p + p {{ visibility: hidden; animation: dv-late 0s 20s forwards; }}
/* Streamlit's own sign of a page that is coming. */
[data-testid="stAppSkeleton"] {{ display: none; }}
body{_THERE} #dv-opening {{ display: none; }}
"""


def body() -> str:
    """HTML for the beginning of the body of the start page."""
    run = json.loads((FOLDER / "opening.json").read_text())
    still, moving = (_as_data(f"opening.{kind}", kind) for kind in ("png", "avif"))
    return (
        f'<div id="dv-opening"><picture><source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
        f'<img src="{moving}" alt="" width="{run["size"]}" height="{run["size"]}"></picture>'
        f"<p>Loading. Meanwhile a recorded run: <q>{html.escape(run['prompt'])}</q>, from noise to an image in "
        f"{run['steps']} steps.</p><p>This takes longer than it should: reload the page. If that does not help, the "
        "network in between may block WebSockets, by which the pages are sent.</p></div>"
        "<noscript><style>#dv-opening { display: none; }</style></noscript>"
    )


def _as_data(name: str, kind: str) -> str:
    return data_url((FOLDER / name).read_bytes(), f"image/{kind}")
