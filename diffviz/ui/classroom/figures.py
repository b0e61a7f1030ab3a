"""Questions and votes as HTML for the wall: large, in the page's colours, with every text escaped.

Bars of the first vote are outlined and of the second filled; what is right has a tick and a word beside the colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from diffviz.classroom import results
from diffviz.classroom.activities import Activity, Draft
from diffviz.classroom.results import Gain
from diffviz.classroom.votes import Vote
from diffviz.lessons import content

LETTERS = "ABCDEFGHIJKL"
_CSS = Path(__file__).with_name("figures.css").read_text(encoding="utf-8")


def sheet() -> str:
    """The style of everything here, once a page."""
    return f"<style>{_CSS}</style>"


def question(asked: Activity, cast: Sequence[Vote]) -> str:
    """A question as the wall shows it now: options alone, with bars of the first vote once shown, and all at the reveal."""
    draft = asked.question
    revealed = asked.phase == "reveal"
    parts = [
        f'<p class="setting">{escape(draft.setting)}</p>' if draft.setting else "",
        f"<h2>{escape(draft.prompt)}</h2>",
    ]
    if draft.kind == "choice":
        parts.append(_choice(draft, cast, revealed, with_votes=revealed or asked.shown))
    elif draft.kind == "order":
        parts.append(_order(draft, cast, revealed))
    elif draft.kind == "pairs":
        parts.append(_pairs(draft, results.of_round(cast, 1), revealed))
    elif revealed or asked.shown:
        parts.append(_open(draft, results.of_round(cast, 2) or results.of_round(cast, 1), revealed))
    if revealed:
        parts += [f"<p>{escape(text)}</p>" for text in (draft.explanation,) if text]
        if draft.points:
            parts.append("<ul>" + "".join(f"<li>{escape(p)}</li>" for p in draft.points) + "</ul>")
    return f'<div class="dv-room{" dv-revealed" if revealed else ""}">{"".join(parts)}</div>'


def _choice(draft: Draft, cast: Sequence[Vote], revealed: bool, with_votes: bool) -> str:
    rounds = [r for r in (1, 2) if results.of_round(cast, r)] if with_votes else []
    if not revealed:
        rounds = rounds[:1]
    votes = {r: results.of_round(cast, r) for r in rounds}
    counts = {r: results.counts(votes[r], len(draft.options)) for r in rounds}
    items = []
    for i, option in enumerate(draft.options):
        right = revealed and draft.right == i
        body = escape(option.text)
        if right:
            body += ' <span class="verdict">✓ right</span>'
        body += "".join(_bar(r, counts[r][i], len(votes[r])) for r in rounds)
        if revealed and option.why:
            body += f'<p class="why">{escape(option.why)}</p>'
        if revealed and (behind := content.misconceptions().get(option.misconception)):
            body += f'<p class="why"><b>Misconception:</b> {escape(behind.belief)}</p>'
        items.append(
            f'<li class="{"right" if right else ""}"><span class="letter">{LETTERS[i]}</span><div>{body}</div></li>'
        )
    return f'<ol class="dv-options">{"".join(items)}</ol>'


def _item(letter: str, body: str, role: str = "") -> str:
    return f'<li class="{role}"><span class="letter">{letter}</span><div>{body}</div></li>'


def _bar(round_: int, count: int, people: int) -> str:
    share = count / people if people else 0
    role = "bar second" if round_ == 2 else "bar"
    return (
        f'<div class="votes"><span>vote {round_}</span><div style="--share:{share:.3f}"><span class="{role}"></span>'
        f"<span><b>{count}</b> · {share:.0%}</span></div></div>"
    )


def _pairs(draft: Draft, cast: Sequence[Vote], revealed: bool) -> str:
    """Before the answer what is done; then the preferences of the class, the strongest first, with their intervals."""
    if not revealed:
        sets = len(draft.titles) // len(draft.options)
        pairs = sets * len(draft.options) * (len(draft.options) - 1) // 2
        return f"<p>Compared blindly on the phones, two images at a time: {pairs} pairs.</p>"
    found = sorted(
        zip(draft.options, results.preferences(draft, cast), strict=True), key=lambda o: -o[1].share
    )
    items = [
        _item(
            str(rank),
            f'{escape(option.text)}<div class="votes"><span></span><div style="--share:{p.share:.3f}">'
            f'<span class="bar second"></span><span><b>{p.share:.0%}</b></span></div></div>'
            f'<p class="why">{p.low:.0%} to {p.high:.0%}; chosen {p.won} times of {p.compared}</p>',
        )
        for rank, (option, p) in enumerate(found, 1)
    ]
    return (
        f'<ol class="dv-options">{"".join(items)}</ol><p class="why">How often each would be preferred to an average one '
        f"of these, and an interval of 95 %: Bradley–Terry, by the comparisons of {_people(len(cast))}.</p>"
    )


def _order(draft: Draft, cast: Sequence[Vote], revealed: bool) -> str:
    stages = [
        draft.options[i] for i in (draft.right if revealed and draft.right else range(len(draft.options)))
    ]
    votes = results.of_round(cast, 2) or results.of_round(cast, 1)
    items = []
    for place, stage in enumerate(stages):
        body = escape(stage.text)
        if revealed and draft.right and votes:
            count = sum(v.answer[place] == draft.right[place] for v in votes)
            body += f'<p class="why">{count} of {len(votes)} put it here. {escape(stage.why)}</p>'
        letter = str(place + 1) if revealed and draft.right else LETTERS[place]
        items.append(_item(letter, body))
    return f'<ol class="dv-options">{"".join(items)}</ol>'


def _open(draft: Draft, cast: Sequence[Vote], revealed: bool) -> str:
    if draft.kind == "text":
        texts = [v.answer for v in cast if v.approved]
        return '<ul class="texts">' + "".join(f"<li>{escape(t)}</li>" for t in texts) + "</ul>"
    numbers = sorted(v.answer for v in cast)
    if not numbers:
        return "<p>Nobody has answered.</p>"
    middle = results.median(numbers)
    span = f"from {numbers[0]:g} to {numbers[-1]:g} {escape(draft.unit)}"
    said = f"<p>Median <b>{middle:g}</b>, {span}, {_people(len(numbers))}.</p>"
    if revealed and draft.right is not None:
        good = sum(bool(draft.is_right(n)) for n in numbers)
        said += f'<p class="verdict">✓ {draft.right:g} {escape(draft.unit)}: {good} of {len(numbers)} were right.</p>'
    return said


# --- from the first vote to the second -------------------------------------------------------------------------


def summary(draft: Draft, cast: Sequence[Vote]) -> list[str]:
    """Sentences on who changed from vote 1 to vote 2; none where nobody cast both."""
    gain = results.gain(draft, cast)
    said = [gain_text(gain)] if gain else []
    if draft.kind == "choice":
        flow = results.flow(cast, len(draft.options))
        n = len(flow)
        people = sum(map(sum, flow))
        if not people:
            return said
        changed = people - sum(flow[i][i] for i in range(n))
        line = f"{changed} of {_people(people)} changed their vote"
        if draft.right is not None and changed:
            to = sum(flow[i][draft.right] for i in range(n) if i != draft.right)
            away = sum(flow[draft.right][j] for j in range(n) if j != draft.right)
            other = changed - to - away
            line += (
                f": {to} to the right answer, {away} away from it, {other} from one wrong answer to another"
            )
        said.append(f"{line}.")
    return said


def gain_text(gain: Gain) -> str:
    """The gain in a sentence."""
    text = f"Right: {gain.before:.0%} in vote 1, {gain.after:.0%} in vote 2"
    if gain.normalized is not None:
        text += f", normalised gain {gain.normalized:.2f}"
    return f"{text} ({_people(gain.people)} who voted both times)."


def flow(draft: Draft, cast: Sequence[Vote]) -> str:
    """Ribbons from the options of vote 1 to those of vote 2, as wide as there were people; "" where nobody cast both."""
    moves = results.flow(cast, len(draft.options))
    n, people = len(moves), sum(map(sum, moves))
    if not people:
        return ""
    height, gap, left, right = 300.0, 14.0, 70.0, 530.0
    shown = [i for i in range(n) if any(moves[i]) or any(row[i] for row in moves)]
    unit = (height - gap * (len(shown) - 1)) / people

    def places(sizes: dict[int, int]) -> dict[int, float]:
        at, found = 0.0, {}
        for i in shown:
            found[i] = at
            at += sizes[i] * unit + gap
        return found

    before = {i: sum(moves[i]) for i in shown}
    after = {j: sum(row[j] for row in moves) for j in shown}
    starts, ends = places(before), places(after)
    parts, bend = [], (left + right) / 2
    leave, arrive = dict(starts), dict(ends)
    for i in shown:
        for j in shown:
            if not moves[i][j]:
                continue
            wide = moves[i][j] * unit
            y, z = leave[i] + wide / 2, arrive[j] + wide / 2
            leave[i] += wide
            arrive[j] += wide
            role = "prediction" if j == draft.right else "noise" if i == draft.right else "unconditional"
            path = f"M{left + 8:g},{y:.1f} C{bend:g},{y:.1f} {bend:g},{z:.1f} {right - 8:g},{z:.1f}"
            look = f'stroke="var(--dv-{role})" stroke-opacity="{0.75 if i != j else 0.4}"'
            parts.append(f'<path d="{path}" fill="none" stroke-width="{max(1.5, wide):.1f}" {look}/>')
    parts += _ends(draft, before, starts, unit, left, left - 6, "end")
    parts += _ends(draft, after, ends, unit, right - 8, right + 6, "start")
    heads = "".join(
        f'<text x="{x:g}" y="14" text-anchor="middle">vote {n}</text>' for n, x in ((1, left), (2, right))
    )
    moved = f'<g transform="translate(0 26)">{"".join(parts)}</g>'
    return _svg(" ".join(summary(draft, cast)), height + 34, heads + moved)


def _ends(
    draft: Draft,
    sizes: dict[int, int],
    at: dict[int, float],
    unit: float,
    x: float,
    text_x: float,
    anchor: str,
) -> list[str]:
    """The options of one vote at an end of the ribbons, each with its letter and count."""
    parts = []
    for i, size in sizes.items():
        tick = " ✓" if i == draft.right else ""
        tall, middle = max(2.0, size * unit), at[i] + size * unit / 2 + 5
        parts.append(f'<rect x="{x:g}" y="{at[i]:.1f}" width="8" height="{tall:.1f}" class="mark"/>')
        label = f"{LETTERS[i]}{tick} · {size}"
        parts.append(f'<text x="{text_x:g}" y="{middle:.1f}" text-anchor="{anchor}">{label}</text>')
    return parts


def _svg(said: str, height: float, body: str) -> str:
    label = escape(said, quote=True)
    return f'<svg viewBox="0 0 600 {height:g}" role="img" aria-label="{label}">{body}</svg>'


def curve(points: Sequence[tuple[float, int]], began: float, now: float) -> str:
    """How many were lost, over the minutes of the class, as steps; `points` are those of `results.lost_curve`."""
    most = max((n for _, n in points), default=0)
    if not most:
        return ""
    width, height, base = 600.0, 120.0, 130.0
    span = max(60.0, now - began)

    def x(at: float) -> float:
        return 30 + (width - 40) * (at - began) / span

    path, last = [f"M{x(began):.1f},{base:g}"], 0
    for at, lost in points:
        path.append(f"H{x(at):.1f} V{base - height * lost / most:.1f}")
        last = lost
    path.append(f"H{x(now):.1f}")
    edge, top = width - 10, base - height + 12
    body = (
        f'<path d="{" ".join(path)}" fill="none" stroke="var(--dv-noise)" stroke-width="3"/>'
        f'<path d="M30,{base:g} H{edge:g}" stroke="var(--dv-line-strong)"/>'
        f'<text x="26" y="{top:g}" text-anchor="end">{most}</text>'
        f'<text x="26" y="{base:g}" text-anchor="end">0</text>'
        f'<text x="{edge:g}" y="152" text-anchor="end">{span / 60:.0f} min</text>'
    )
    return _svg(f"At most {most} were lost at once; now {last}.", 160, body)


def table(rows: Sequence[Mapping[str, str]], name: str) -> str:
    """Rows with the same columns as a table; where it is wider than its place, the keyboard can scroll it."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(v)}</td>" for v in row.values()) + "</tr>" for row in rows)
    label = escape(name, quote=True)
    return (
        f'<div class="dv-rows" role="region" tabindex="0" aria-label="{label}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _people(n: int) -> str:
    return "1 person" if n == 1 else f"{n} people"
