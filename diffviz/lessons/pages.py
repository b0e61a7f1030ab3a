"""The pages of the app: the one list that the menu, the start page, links and old addresses come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Lesson:
    """One page of the app: its file, its title and icon in the menu, what it shows in a line, and its group."""

    file: str
    title: str
    icon: str
    blurb: str = ""
    group: str = ""

    @property
    def slug(self) -> str:
        """The page's name in its address, and in links from questions: "forward" of `pages/1_forward.py`."""
        return self.file.removesuffix(".py").partition("_")[2]


HOME = Lesson("home.py", "Start", ":material/home:")
# In the order of the menu; pages of one group stand together.
LESSONS = (
    Lesson(
        "pages/1_forward.py",
        "1 · Forward process",
        ":material/grain:",
        "Gaussian noise, noise schedules, SNR",
        "Basics",
    ),
    Lesson(
        "pages/2_training.py",
        "2 · Training objective",
        ":material/model_training:",
        "The loss, and ε-, x₀- and v-prediction",
        "Basics",
    ),
    Lesson(
        "pages/3_reverse.py",
        "3 · Reverse process (sampling)",
        ":material/auto_awesome:",
        "From noise to an image, step by step",
        "Basics",
    ),
    Lesson(
        "pages/4_steps.py",
        "4 · Samplers and steps",
        ":material/stairs:",
        "DDPM, DDIM, Heun, DPM-Solver++, UniPC",
        "Basics",
    ),
    Lesson(
        "pages/5_guidance.py",
        "5 · Prompts and guidance",
        ":material/explore:",
        "Classifier-free guidance, negative prompts",
        "Steering",
    ),
    Lesson(
        "pages/6_editing.py",
        "6 · Image-to-image and inpainting",
        ":material/brush:",
        "SDEdit on your own image; masks, RePaint",
        "Steering",
    ),
    Lesson(
        "pages/7_memorization.py",
        "7 · Memorization",
        ":material/content_copy:",
        "Nearest training images: new, or a copy?",
        "Beyond",
    ),
    Lesson(
        "pages/8_generative_models.py",
        "8 · VAE, GAN, flow matching, distillation",
        ":material/family_history:",
        "Mode collapse, rectified flow, one-step models",
        "Beyond",
    ),
    Lesson(
        "pages/14_latent.py",
        "9 · Latent diffusion",
        ":material/compress:",
        "Autoencoder, cost, the parts of Stable Diffusion",
        "Beyond",
    ),
    Lesson(
        "pages/12_unet.py",
        "10 · Inside the U-Net",
        ":material/account_tree:",
        "Activations, switches, attention",
        "Under the hood",
    ),
    Lesson(
        "pages/13_scores.py",
        "11 · Scores, SDEs and ODEs",
        ":material/ssid_chart:",
        "Exact scores, three samplers, DDPM in one dimension",
        "Under the hood",
    ),
    Lesson(
        "pages/11_workshop.py",
        "12 · Find the bug",
        ":material/bug_report:",
        "Seventeen mistakes in a real pipeline",
        "Under the hood",
    ),
    Lesson(
        "pages/9_practice.py",
        "Practice",
        ":material/school:",
        "Quizzes, flashcards, interview questions",
        "Practice",
    ),
)
TEACHING = Lesson(
    "pages/10_teaching.py",
    "For teachers",
    ":material/co_present:",
    "Class plans, syllabus, labs, question files",
    "Teaching",
)
CLASSROOM = Lesson(
    "pages/15_classroom.py",
    "Classroom",
    ":material/groups:",
    "A room for phones: vote, discuss, vote again",
    "Teaching",
)
PAGES = (*LESSONS, TEACHING, CLASSROOM)  # all but the start page
BY_SLUG = {lesson.slug: lesson for lesson in LESSONS}
# Addresses that people may have saved, and the slugs that answer them now.
FORMER_SLUGS = {"copies": "memorization", "relatives": "generative_models", "practise": "practice"}


def groups() -> Iterator[tuple[str, tuple[Lesson, ...]]]:
    """The pages after the start page, in the groups of the menu with their names."""
    for name, lessons in groupby(PAGES, key=lambda lesson: lesson.group):
        yield name, tuple(lessons)
