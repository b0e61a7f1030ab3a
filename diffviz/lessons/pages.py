"""The pages of the app: the one list that the menu, the start page, links and old addresses come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """One page of the app: its file, its title and icon in the menu, and one sentence on what it shows."""

    file: str
    title: str
    icon: str
    blurb: str

    @property
    def slug(self) -> str:
        """The page's name in its address, and in links from questions: "forward" of `pages/1_forward.py`."""
        return self.file.removesuffix(".py").partition("_")[2]


HOME = Lesson("home.py", "Start", ":material/home:", "")
LESSONS = (
    Lesson(
        "pages/1_forward.py",
        "1 · Forward process",
        ":material/grain:",
        "Add Gaussian noise to an image step by step, and compare noise schedules and their SNR. Nothing is learned yet.",
    ),
    Lesson(
        "pages/2_training.py",
        "2 · Training objective",
        ":material/model_training:",
        "One training example taken apart, the loss at each noise level, ε-, x₀- and v-prediction, and a small network "
        "to train yourself.",
    ),
    Lesson(
        "pages/3_reverse.py",
        "3 · Reverse process (sampling)",
        ":material/auto_awesome:",
        "Give a prompt and a seed, and watch the sampler turn noise into an image, one denoising step at a time.",
    ),
    Lesson(
        "pages/4_steps.py",
        "4 · Samplers and steps",
        ":material/stairs:",
        "DDPM, DDIM, Heun, DPM-Solver++ and UniPC from the same noise: how many network evaluations each needs.",
    ),
    Lesson(
        "pages/5_guidance.py",
        "5 · Prompts and guidance",
        ":material/explore:",
        "Classifier-free guidance taken apart: conditional and unconditional prediction, guidance scale, negative prompt.",
    ),
    Lesson(
        "pages/6_editing.py",
        "6 · Image-to-image and inpainting",
        ":material/brush:",
        "Start from your own image with noise added (SDEdit), or have a masked region filled (RePaint).",
    ),
    Lesson(
        "pages/7_memorization.py",
        "7 · Memorization",
        ":material/content_copy:",
        "A generated image beside its nearest neighbours among the training images: new, or a copy?",
    ),
    Lesson(
        "pages/8_generative_models.py",
        "8 · VAE, GAN, flow matching, distillation",
        ":material/family_history:",
        "Other generative models, trained beside a diffusion model on the same 2-D points, in seconds.",
    ),
    Lesson(
        "pages/9_practice.py",
        "9 · Practice",
        ":material/school:",
        "Quizzes, flashcards and interview questions, each with a link to the page that shows the answer.",
    ),
)
TEACHING = Lesson(
    "pages/10_teaching.py",
    "For teachers",
    ":material/co_present:",
    "Four class plans, each step with its link; handouts and question files for your own course.",
)
# The menu in groups, each under the first of its pages.
GROUPS = {
    "pages/1_forward.py": "Basics",
    "pages/5_guidance.py": "Steering",
    "pages/7_memorization.py": "Beyond",
    "pages/9_practice.py": "Practice",
    "pages/10_teaching.py": "Teaching",
}
# Addresses that people may have saved, and the slugs that answer them now.
FORMER_SLUGS = {"copies": "memorization", "relatives": "generative_models", "practise": "practice"}


def grouped() -> Iterator[tuple[str, list[Lesson]]]:
    """The pages after the start page in the groups of the menu, each group with its name."""
    group: list[Lesson] = []
    name = ""
    for lesson in (*LESSONS, TEACHING):
        if lesson.file in GROUPS and group:
            yield name, group
            group = []
        name = GROUPS.get(lesson.file, name)
        group.append(lesson)
    yield name, group
