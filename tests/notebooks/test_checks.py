"""The checks of the labs: other right solutions pass, and known wrong ones are refused."""

import functools
import json
import textwrap

import pytest

from diffviz.export import labs

LABS = labs.labs()

# For a cell of a lab by its id: what may stand in its gaps, one text for each gap, and what must not.
RIGHT = {
    ("1_forward_process", "cell-9"): {
        "loops": (
            """
            out, kept = [], 1.0
            for beta in betas:
                kept *= 1 - beta
                out.append(kept)
            return np.array(out)
            """,
            """
            out, before = [], 1.0
            for a in alpha_bars:
                out.append(1 - a / before)
                before = a
            return np.array(out)
            """,
        ),
        "logs": (
            "return np.exp(np.log1p(-betas).cumsum())",
            "return 1 - np.exp(np.diff(np.log(alpha_bars), prepend=0))",
        ),
    },
    ("2_ddim_step", "cell-9"): {
        "library": (
            "return samplers.final_step(samplers.ddim(conditioned, x, samplers.timesteps(steps), schedule)).x",
        ),
        "while": (
            """
            i = steps
            while i > 0:
                x0_hat = denoise(x, i / steps)
                x = ddim_step(x, x0_hat, i / steps, (i - 1) / steps)
                i -= 1
            return x
            """,
        ),
    },
    ("2_ddim_step", "cell-12"): {
        "by hand": (
            """
            for n in counts:
                errors.append(((sample(noise, n).numpy() - reference) ** 2).mean() ** 0.5)
            """,
        ),
        "generate": (
            """
            for n in counts:
                run = diffviz.generate(PROMPT, style=STYLE, seed=0, steps=n, sampler="ddim", guidance=1, model=MODEL)
                errors.append(rmse(run.x[-1], reference[0]))
            """,
        ),
    },
    ("2_ddim_step", "cell-18"): {
        "variance": (
            """
            at, as_, vt, vs = alpha(t), alpha(s), sigma(t) ** 2, sigma(s) ** 2
            fresh = eta**2 * vs / vt * (vt - at**2 / as_**2 * vs)
            eps_hat = (x - at * x0_hat) / vt**0.5
            return as_ * x0_hat + (vs - fresh) ** 0.5 * eps_hat + fresh**0.5 * z
            """,
        ),
        "tensors": (
            """
            at, as_, st, ss = schedule.alpha(t), schedule.alpha(s), schedule.sigma(t), schedule.sigma(s)
            fresh = eta * ss / st * torch.sqrt(st**2 - at**2 / as_**2 * ss**2)
            return (as_ * x0_hat + torch.sqrt(ss**2 - fresh**2) * noise_of(x, x0_hat, t) + fresh * z).float()
            """,
        ),
    },
    ("3_guidance", "cell-14"): {
        "loops": (
            """
            found = []
            for i in range(len(images)):
                for j in range(i):
                    found.append(rmse(images[i], images[j]))
            return sum(found) / len(found)
            """,
        ),
        "ordered pairs": (
            """
            n = len(images)
            both = [rmse(images[i], images[j]) for i in range(n) for j in range(n) if i != j]
            return float(np.mean(both))
            """,
        ),
    },
    ("3_guidance", "cell-21"): {
        "loop": (
            """
            count = 0
            for t in times:
                count += 2 if t > low and t <= high else 1
            return count
            """,
        ),
        "tolerance": ("return len(times) + sum(low + 1e-9 < t <= high + 1e-9 for t in times)",),
        "rounded": ("return len(times) + sum(low < round(t, 6) <= high for t in times)",),
        "fractions": (
            """
            from fractions import Fraction
            low, high, *exact = (Fraction(v).limit_denominator(1000) for v in (low, high, *times))
            return len(exact) + sum(low < t <= high for t in exact)
            """,
        ),
        "array": (
            """
            t = np.array(times)
            return t.size + np.count_nonzero((t > low) & (t <= high))
            """,
        ),
    },
    ("4_evaluation", "cell-3"): {
        "by hand": (
            """
            means, covs = [], []
            for x in (a, b):
                means.append(x.mean(0))
                covs.append((x - x.mean(0)).T @ (x - x.mean(0)) / (len(x) - 1))
            values = np.linalg.eigvals(covs[0] @ covs[1]).real
            root = np.sqrt(np.maximum(values, 0)).sum()
            return np.sum((means[0] - means[1]) ** 2) + np.trace(covs[0] + covs[1]) - 2 * root
            """,
        ),
        "symmetric": ("return metrics.frechet_distance(a, b)",),
    },
    ("4_evaluation", "cell-9"): {
        "choice": (
            """
            chosen = rng.choice(len(rows), size=2 * n, replace=False)
            return rows[chosen[:n]], rows[chosen[n:]]
            """,
            """
            frechets.append(sum(metrics.frechet_distance(a, b) for a, b in draws) / 5)
            kids.append(sum(metrics.kid(a, b) for a, b in draws) / 5)
            """,
        ),
        "shuffled indices": (
            """
            order = np.arange(len(rows))
            rng.shuffle(order)
            return rows[order[0 : 2 * n : 2]], rows[order[1 : 2 * n : 2]]
            """,
            """
            one, other = [], []
            for a, b in draws:
                one.append(frechet(a, b))
                other.append(kid(b, a))
            frechets += [np.mean(one)]
            kids += [np.mean(other)]
            """,
        ),
    },
    ("4_evaluation", "cell-15"): {
        "two calls": (
            """
            one, eight = bootstrap.kid(features[1]), bootstrap.kid(features[8])
            difference = one[0] - eight[0]
            interval = tuple(np.quantile(one[1] - eight[1], (0.025, 0.975)))
            """,
        ),
        "percentile": (
            """
            found = {steps: bootstrap.kid(features[steps]) for steps in (1, 8)}
            difference = metrics.kid(features[1], real[:320]) - metrics.kid(features[8], real[:320])
            gaps = found[1][1] - found[8][1]
            interval = (np.percentile(gaps, 2.5), np.percentile(gaps, 97.5))
            """,
        ),
    },
}

_HALVES = "drawn = rng.permutation(rows)[: 2 * n]\nreturn drawn[:n], drawn[n:]"
_MEANS = (
    "frechets.append(np.mean([frechet(a, b) for a, b in draws]))\n"
    "kids.append(np.mean([kid(a, b) for a, b in draws]))"
)
_STEP = """
        most = sigma(s) / sigma(t) * math.sqrt(sigma(t) ** 2 - (alpha(t) / alpha(s)) ** 2 * sigma(s) ** 2)
        fresh = {fresh}
        return alpha(s) * x0_hat + {kept} * noise_of(x, x0_hat, t) + fresh * z
        """
_KEPT = "math.sqrt(sigma(s) ** 2 - fresh**2)"
WRONG = {
    ("1_forward_process", "cell-9"): {
        "shifted": (
            "return np.concatenate([[1.0], np.cumprod(1 - betas)[:-1]])",
            "return 1 - alpha_bars / np.concatenate([[1.0], alpha_bars[:-1]])",
        ),
        "no first beta": ("return np.cumprod(1 - betas)", "return 1 - alpha_bars[1:] / alpha_bars[:-1]"),
        "differences": ("return np.cumprod(1 - betas)", "return -np.diff(alpha_bars, prepend=1.0)"),
        "of all steps": ("return np.cumprod(1 - betas)", "return 1 - alpha_bars"),
    },
    ("2_ddim_step", "cell-9"): {
        "one evaluation too many": (
            """
            times = [1 - i / steps for i in range(steps + 1)]
            for t, s in zip(times[:-1], times[1:]):
                x = ddim_step(x, denoise(x, t), t, s)
            denoise(x, 0.0)
            return x
            """,
        ),
        "two evaluations a step": (
            """
            times = [1 - i / steps for i in range(steps + 1)]
            for t, s in zip(times[:-1], times[1:]):
                denoise(x, t)
                x = ddim_step(x, denoise(x, t), t, s)
            return x
            """,
        ),
        "ends early": (
            """
            times = [1 - i / steps for i in range(steps)]
            for t, s in zip(times[:-1], times[1:]):
                x = ddim_step(x, denoise(x, t), t, s)
            return x
            """,
        ),
    },
    ("2_ddim_step", "cell-12"): {
        "to the step before": (
            """
            images = [sample(noise, n).numpy() for n in counts]
            errors = [float(rmse(images[0], reference))]
            errors += [float(rmse(b, a)) for a, b in zip(images[:-1], images[1:])]
            """,
        ),
        "nonsense": ("errors = [float(rmse(sample(noise, 1).numpy(), reference)), 9.0, 0.0, 5.0, 0.0]",),
        "mean square": ("errors = [float(rmse(sample(noise, n).numpy(), reference)) ** 2 for n in counts]",),
    },
    ("2_ddim_step", "cell-18"): {
        "eta squared": (_STEP.format(fresh="eta**2 * most", kept=_KEPT),),
        "variance times eta": (_STEP.format(fresh="eta**0.5 * most", kept=_KEPT),),
        "linear mixing": (
            _STEP.format(
                fresh="eta * most",
                kept="((1 - eta) * sigma(s) + eta * math.sqrt(sigma(s) ** 2 - most**2))",
            ),
        ),
        "all of the predicted noise": (_STEP.format(fresh="eta * most", kept="sigma(s)"),),
        "eta ignored where above 0": (_STEP.format(fresh="(eta > 0) * most", kept=_KEPT),),
    },
    ("3_guidance", "cell-14"): {
        "no root": ("return float(np.mean([((a - b) ** 2).mean() for a, b in combinations(images, 2)]))",),
        "absolute": ("return float(np.mean([np.abs(a - b).mean() for a, b in combinations(images, 2)]))",),
        "maximum": ("return float(np.mean([np.abs(a - b).max() for a, b in combinations(images, 2)]))",),
        "difference of means": (
            "return float(np.mean([abs(a.mean() - b.mean()) for a, b in combinations(images, 2)]))",
        ),
        "root of all": (
            "return float(np.sqrt(np.mean([((a - b) ** 2).mean() for a, b in combinations(images, 2)])))",
        ),
        "with themselves": ("return float(np.mean([rmse(a, b) for a in images for b in images]))",),
        "summed twice, divided once": (
            """
            pairs = len(images) * (len(images) - 1) / 2
            return float(sum(rmse(a, b) for a in images for b in images) / pairs)
            """,
        ),
        "neighbours": ("return float(np.mean([rmse(a, b) for a, b in zip(images, images[1:])]))",),
        "median": ("return float(np.median([rmse(a, b) for a, b in combinations(images, 2)]))",),
    },
    ("3_guidance", "cell-21"): {
        "closed": ("return len(times) + sum(low <= t <= high for t in times)",),
        "open": ("return len(times) + sum(low < t < high for t in times)",),
        "ends exchanged": ("return len(times) + sum(low <= t < high for t in times)",),
        "everywhere": ("return 2 * len(times)",),
        "nowhere": ("return len(times)",),
        "outside": ("return len(times) + sum(not low < t <= high for t in times)",),
        "share of the steps": ("return len(times) + round((high - low) * len(times))",),
        "no conditional outside": ("return 2 * sum(low < t <= high for t in times)",),
    },
    ("4_evaluation", "cell-3"): {
        "divided by N": (
            """
            cov_a, cov_b = np.cov(a, rowvar=False, ddof=0), np.cov(b, rowvar=False, ddof=0)
            roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(0)).sum()
            return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b) - 2 * roots)
            """,
        ),
    },
    ("4_evaluation", "cell-9"): {
        "halves that share rows": ("return rng.permutation(rows)[:n], rng.permutation(rows)[:n]", _MEANS),
        "halves that share one row": (
            "drawn = rng.permutation(rows)[: 2 * n]\nreturn drawn[:n], drawn[n - 1 : 2 * n - 1]",
            _MEANS,
        ),
        "with replacement": (
            "drawn = rows[rng.choice(len(rows), 2 * n)]\nreturn drawn[:n], drawn[n:]",
            _MEANS,
        ),
        "not drawn": ("return rows[:n], rows[n : 2 * n]", _MEANS),
        "first rows shuffled": (
            "drawn = rng.permutation(rows[: 2 * n])\nreturn drawn[:n], drawn[n:]",
            _MEANS,
        ),
        "sorted before the cut": (
            "drawn = rows[np.sort(rng.permutation(len(rows))[: 2 * n])]\nreturn drawn[:n], drawn[n:]",
            _MEANS,
        ),
        "shuffled in place": ("rng.shuffle(rows)\nreturn rows[:n].copy(), rows[n : 2 * n].copy()", _MEANS),
        "another generator": (
            "drawn = np.random.default_rng().permutation(rows)[: 2 * n]\nreturn drawn[:n], drawn[n:]",
            _MEANS,
        ),
        "one draw": (_HALVES, "frechets.append(frechet(*draws[0]))\nkids.append(kid(*draws[0]))"),
        "sums": (
            _HALVES,
            "frechets.append(sum(frechet(*d) for d in draws))\nkids.append(sum(kid(*d) for d in draws))",
        ),
        "all KIDs 0": (_HALVES, "frechets.append(np.mean([frechet(*d) for d in draws]))\nkids.append(0.0)"),
        "KID of equal sets": (
            _HALVES,
            "frechets.append(np.mean([frechet(*d) for d in draws]))\nkids.append(np.mean([kid(a, a) for a, b in draws]))",
        ),
    },
    ("4_evaluation", "cell-15"): {
        "not paired": (
            """
            one, eight = bootstrap.kid(features[1]), bootstrap.kid(features[8])
            difference = one[0] - eight[0]
            lows, highs = zip(*(np.quantile(v, (0.025, 0.975)) for v in (one[1], eight[1])))
            interval = (lows[0] - highs[1], highs[0] - lows[1])
            """,
        ),
        "90 %": (
            """
            one, eight = bootstrap.kid(features[1]), bootstrap.kid(features[8])
            difference = one[0] - eight[0]
            interval = tuple(np.quantile(one[1] - eight[1], (0.05, 0.95)))
            """,
        ),
    },
}


def filled(gaps, answers):
    """The student's cell with one answer for each of its gaps."""
    first, *rest = gaps.split("# YOUR CODE HERE\n")
    assert len(rest) == len(answers)
    for answer, after in zip(answers, rest, strict=True):
        indent = after[: after.index("raise")]
        body = textwrap.indent(textwrap.dedent(answer).strip(), indent)
        first = first[: len(first) - len(indent)] + body + after.split("NotImplementedError", 1)[1]
    return first


@pytest.mark.slow
@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.name)
def test_other_right_solutions_pass_and_wrong_ones_are_refused(lab):
    cells = json.loads(lab.solution.read_text(encoding="utf-8"))["cells"]
    code = [c for c in cells if c["cell_type"] == "code" and "demo" not in labs.tags(c)]
    student = json.loads(labs.student(lab.solution.read_bytes()))["cells"]
    gaps = {cell["id"]: "".join(cell["source"]) for cell in student}
    names, faults, tried = {}, [], set()
    for cell, after in zip(code, [*code[1:], None], strict=True):
        key = (lab.name, cell["id"])
        for expected, answers in ((True, RIGHT.get(key, {})), (False, WRONG.get(key, {}))):
            for name, answer in answers.items():
                text, rows = filled(gaps[cell["id"]], answer), names.get("real")
                mine = {**names} if rows is None else {**names, "real": rows.copy()}
                try:
                    exec(compile(text + "\n" + "".join(after["source"]), f"{key} {name}", "exec"), mine)
                    passed = True
                except AssertionError as error:
                    passed = False
                    said = str(error)
                if passed != expected:
                    faults.append(f"{key} {name}: {'passed' if passed else said}")
                tried.add(key)
        exec("".join(cell["source"]), names)
        if key == ("2_ddim_step", "cell-10"):
            # The loop has been checked: from here on each of its runs is computed once.
            names["sample"] = functools.cache(names["sample"])
    assert not faults, "\n".join(faults)
    assert tried == {key for key in (*RIGHT, *WRONG) if key[0] == lab.name}
