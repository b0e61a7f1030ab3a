"""Questions and votes as HTML for the wall: large, in the page's colours, with every text escaped.

Bars of the first vote are outlined and of the second filled; what is right has a tick and a word beside the colour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from diffviz.classroom import results
from diffviz.classroom.activities import Activity, Draft, Metric
from diffviz.classroom.answers import BLIND
from diffviz.classroom.discrimination import TARGET, Discrimination
from diffviz.classroom.preference import MIN_PEOPLE, Preference
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
    elif draft.kind in BLIND:
        parts.append(found(draft, cast) if revealed else _blind(draft))
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


def _blind(draft: Draft) -> str:
    """What the phones do, before the answer."""
    n = len(draft.options)
    each = 2 * (n - 1) if draft.kind == "tell" else len(draft.titles) // n * n * (n - 1) // 2
    return f"<p>Compared blindly on the phones, two images at a time: {each} pairs.</p>"


def found(draft: Draft, cast: Sequence[Vote]) -> str:
    """What a blind comparison found so far: preferences beside the measured metrics, or what was told apart."""
    cast = results.of_round(cast, 1)
    if draft.kind == "pairs":
        return _preferred(draft, cast)
    told = results.told_apart(draft, cast)
    rows = "".join(
        f"<tr><th scope='row'>{escape(option.text)}</th><td>{right} of {n}</td></tr>"
        for option, right, n in zip(draft.options, told.right, told.trials, strict=False)
    )
    last = escape(draft.options[-1].text)
    head = f"<thead><tr><th>told from {last}</th><th>right</th></tr></thead>"
    return f'<table class="beside told">{head}<tbody>{rows}</tbody></table>'


# --- preference beside metrics ---------------------------------------------------------------------------------


def _preferred(draft: Draft, cast: Sequence[Vote]) -> str:
    """The class's preference of each option and what metrics say of it, in columns beside each other."""
    shares = results.preferences(draft, cast)
    columns = [
        (
            "Preferred by the class",
            [_share_cell(p, len(cast)) for p in shares],
            _best([p.share for p in shares], True),
        )
    ]
    metrics = draft.measured.metrics if draft.measured else ()
    columns += [(m.title, _metric_cells(m), _best(m.values, m.more_is_better)) for m in metrics]
    order = sorted(range(len(shares)), key=lambda i: -shares[i].share) if cast else range(len(shares))
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title, _, _ in columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(draft.options[i].text)}</th>'
        + "".join(f'<td class="{"best" if i in best else ""}">{cells[i]}</td>' for _, cells, best in columns)
        + "</tr>"
        for i in order
    )
    table_ = f'<table class="beside"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    few = f" An interval takes at least {MIN_PEOPLE} people." if len(cast) < MIN_PEOPLE else ""
    said = (
        "Preferred: how often each would be to an average one of these, Bradley–Terry, with an interval of 95 %, by the "
        f"comparisons of {_people(len(cast))}.{few}"
    )
    source = f" {draft.measured.source}" if draft.measured else ""
    return f'{table_}<p class="why">{escape(said + source)}</p>'


def _best(values: Sequence[float], more_is_better: bool) -> set[int]:
    """The places of the best values, none where all are the same."""
    top = (max if more_is_better else min)(values)
    return {i for i, v in enumerate(values) if v == top} if len(set(values)) > 1 else set()


def _share_cell(p: Preference, people: int) -> str:
    ends = None if p.low is None or p.high is None else (p.low, p.high)
    alike = " (all alike: no interval)" if people >= MIN_PEOPLE and p.compared else ""
    number = f"{p.share:.0%}" + (f" ({ends[0]:.0%} to {ends[1]:.0%})" if ends else alike)
    chosen = f"<small>chosen {p.won} times of {p.compared}</small>"
    return _track(p.share, ends, 0, 1, number) + chosen


def _metric_cells(metric: Metric) -> list[str]:
    """A value and its interval for each option, on one scale; shares run to 100 %."""
    is_share = metric.more_is_better
    known = [*metric.values, *(end for ends in metric.intervals if ends for end in ends)]
    low, high = min(known), 1.0 if is_share else max(known)
    pad = 0.05 * ((high - low) or 1)

    def text(value: float) -> str:
        return f"{value:.0%}" if is_share else f"{value:.0f}".replace("-", "−")

    cells = []
    for value, ends in zip(metric.values, metric.intervals, strict=True):
        number = f"{text(value)} " + (f"({text(ends[0])} to {text(ends[1])})" if ends else "(the reference)")
        cells.append(_track(value, ends, low - pad, high + pad, number))
    return cells


def _track(value: float, ends: tuple[float, float] | None, low: float, high: float, number: str) -> str:
    """A point with its interval on a line from `low` to `high`, and the number beside it."""

    def at(v: float) -> str:
        return f"{(v - low) / (high - low):.3f}"

    first, last = ends or (value, value)
    places = f"--at:{at(value)};--low:{at(first)};--high:{at(last)}"
    return f'<div class="track" style="{places}"><i></i><b></b></div><span>{escape(number)}</span>'


def disagreement(draft: Draft, cast: Sequence[Vote]) -> str:
    """Which option each of class and metrics puts first, in a sentence; "" without votes or without metrics."""
    if draft.measured is None or not cast:
        return ""
    shares = [p.share for p in results.preferences(draft, cast)]
    firsts = [("the class", _best(shares, True))]
    firsts += [
        (m.title[0].lower() + m.title[1:] if m.more_is_better else m.title, _best(m.values, m.more_is_better))
        for m in draft.measured.metrics
    ]
    said = "; ".join(
        f"by {who} {', '.join(draft.options[i].text for i in sorted(best)) or 'none'}" for who, best in firsts
    )
    return (
        f"Put first: {said}. These are three questions: KID compares the features of many images with those of real "
        "ones, agreement asks a classifier for what the prompt names, and the class looked at a few images of one prompt. "
        "Intervals of each alone do not say whether two of them differ."
    )


# --- told apart --------------------------------------------------------------------------------------------------


def told_text(draft: Draft, found: Discrimination) -> str:
    """Up to which level the class told the images apart, in a sentence."""
    unit = draft.options[-1].text.partition(" ")[2]
    if not found.people:
        return "Nobody has answered."
    of_all = f"{_people(found.people)}, {found.share:.0%} of {sum(found.trials)} answers right"
    levels = f"{draft.levels[0]:g} to {draft.levels[-1]:g} {unit}"
    if not found.curve:
        only = draft.levels[next(i for i, n in enumerate(found.trials) if n)]
        return f"So far all answers are at {only:g} {unit}: a threshold takes answers at two levels or more ({of_all})."
    if found.threshold is None:
        where = "beyond" if found.curve[-1] > TARGET else "below"
        return f"The threshold of the class lies {where} the {levels} that were asked ({of_all})."
    if found.people < MIN_PEOPLE:
        span = f"an interval takes at least {MIN_PEOPLE} people"
    elif found.low is not None and found.low == found.high:
        span = "all alike: no interval"
    else:
        low = "below what was asked" if found.low is None else _level(found.low)
        high = "beyond what was asked" if found.high is None else _level(found.high)
        span = f"95 % interval {low} to {high}"
    return (
        f"The class told the images apart up to about {_level(found.threshold)} {unit} ({span}; {of_all}): there "
        f"{TARGET:.0%} of the answers are right, between certainty and the 50 % of guessing."
    )


def _level(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def told_chart(draft: Draft, found: Discrimination) -> str:
    """The share of right answers at each level, the fitted function, and the threshold with its interval."""
    if not found.people:
        return ""
    left, right, top, base = 56.0, 585.0, 20.0, 235.0
    logs = [math.log(level) for level in draft.levels]
    margin = 0.5

    def x(level: float) -> float:
        at = (math.log(level) - logs[0] + margin) / (logs[-1] - logs[0] + 2 * margin)
        return left + (right - left) * min(1.0, max(0.0, at))

    def y(share: float) -> float:
        return base - (base - top) * share

    parts = []
    if found.threshold is not None:
        if found.people >= MIN_PEOPLE and (found.low is None or found.low != found.high):
            low = x(found.low) if found.low else left
            high = x(found.high) if found.high else right
            parts.append(
                f'<rect x="{low:.1f}" y="{top:g}" width="{max(2, high - low):.1f}" height="{base - top:g}" '
                'fill="var(--dv-signal)" fill-opacity="0.18"/>'
            )
        at = x(found.threshold)
        parts.append(
            f'<path d="M{at:.1f},{top:g} V{base:g}" stroke="var(--dv-signal)" stroke-width="2.5" stroke-dasharray="6 4"/>'
            f'<text x="{at:.1f}" y="{top - 6:g}" text-anchor="middle">{_level(found.threshold)}</text>'
        )
    for share, label in ((0.0, "0 %"), (0.5, "50 %"), (TARGET, "71 %"), (1.0, "100 %")):
        parts.append(
            f'<path d="M{left:g},{y(share):.1f} H{right:g}" stroke="var(--dv-line{"-strong" if share == 0.5 else ""})"/>'
            f'<text x="{left - 6:g}" y="{y(share) + 5:.1f}" text-anchor="end">{label}</text>'
        )
    places = [x(level) for level in draft.levels]
    if found.curve:
        line = " L".join(f"{at:.1f},{y(s):.1f}" for at, s in zip(places, found.curve, strict=True))
        parts.append(f'<path d="M{line}" fill="none" stroke="var(--dv-prediction)" stroke-width="3"/>')
    for at, level, good, n in zip(places, draft.levels, found.right, found.trials, strict=True):
        parts.append(f'<text x="{at:.1f}" y="{base + 18:g}" text-anchor="middle">{level:g}</text>')
        if n:
            parts.append(f'<circle cx="{at:.1f}" cy="{y(good / n):.1f}" r="6" class="mark"/>')
    unit = draft.options[-1].text.partition(" ")[2]
    parts.append(
        f'<text x="{(left + right) / 2:g}" y="{base + 38:g}" text-anchor="middle">'
        f"{escape(unit)}, log scale; points: share right</text>"
    )
    return _svg(told_text(draft, found), base + 46, "".join(parts))


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
    span = f"from {results.number(numbers[0])} to {results.number(numbers[-1])} {escape(draft.unit)}"
    said = f"<p>Median <b>{results.number(middle)}</b>, {span}, {_people(len(numbers))}.</p>"
    if revealed and draft.right is not None:
        good = sum(bool(draft.is_right(n)) for n in numbers)
        answer = f"{results.number(draft.right)} {escape(draft.unit)}"
        said += f'<p class="verdict">✓ {answer}: {good} of {len(numbers)} were right.</p>'
    return said


# --- from the first vote to the second -------------------------------------------------------------------------


def summary(draft: Draft, cast: Sequence[Vote]) -> list[str]:
    """Sentences on what was found: who changed from vote 1 to vote 2, or what a blind comparison says."""
    if draft.kind in BLIND:
        first = results.of_round(cast, 1)
        told = draft.kind == "tell"
        line = told_text(draft, results.told_apart(draft, first)) if told else disagreement(draft, first)
        return [line] if line else []
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
