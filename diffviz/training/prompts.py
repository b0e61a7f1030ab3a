"""The fixed prompts that every grid shows, so that two checkpoints can be compared by eye."""

from __future__ import annotations

# (prompt, style); image i of a grid always starts from seed i.
COMMON_32: tuple[tuple[str, str], ...] = (
    ("grinning face", "noto"), ("smiling face with sunglasses", "twemoji"), ("crying face", "flat"),
    ("angry face", "3d"), ("ghost", "noto"), ("cat face", "noto"), ("dog face", "gradient"),
    ("panda", "twemoji"),
    ("fox", "3d"), ("frog", "flat"), ("penguin", "noto"), ("owl", "twemoji"), ("octopus", "gradient"),
    ("tropical fish", "noto"), ("butterfly", "3d"), ("lady beetle", "flat"),
    ("red heart", "gradient"), ("blue heart", "3d"), ("victory hand", "noto"), ("thumbs up", "twemoji"),
    ("raised hand", "flat"), ("red apple", "3d"), ("strawberry", "noto"), ("banana", "twemoji"),
    ("watermelon", "gradient"), ("sunflower", "noto"), ("palm tree", "3d"), ("cactus", "flat"),
    ("automobile", "noto"), ("sun", "twemoji"), ("rainbow", "3d"), ("umbrella", "gradient"),
)  # fmt: skip
COMMON_64: tuple[tuple[str, str], ...] = (
    *COMMON_32,
    ("winking face", "noto"), ("face with tears of joy", "3d"), ("sleeping face", "twemoji"), ("robot", "noto"),
    ("alien", "flat"), ("skull", "gradient"), ("clown face", "noto"), ("nerd face", "3d"),
    ("lion", "noto"), ("tiger face", "twemoji"), ("rabbit face", "flat"), ("bear", "3d"), ("koala", "noto"),
    ("monkey face", "gradient"), ("pig face", "twemoji"), ("unicorn", "noto"),
    ("whale", "flat"), ("turtle", "3d"), ("bird", "noto"), ("honeybee", "twemoji"), ("spider", "gradient"),
    ("waving hand", "3d"), ("raised fist", "noto"), ("tulip", "flat"),
    ("mushroom", "noto"), ("pizza", "3d"), ("doughnut", "gradient"), ("ice cream", "twemoji"), ("rocket", "noto"),
    ("bus", "flat"), ("snowman", "3d"), ("star", "gradient"),
)  # fmt: skip
# Combinations that no training caption has: a colour, a style or a thing that is never drawn together.
NOVEL_24: tuple[tuple[str, str], ...] = (
    ("blue apple", "noto"), ("purple banana", "flat"), ("green sun", "twemoji"), ("blue strawberry", "3d"),
    ("red cactus", "noto"), ("pink frog", "flat"), ("green fox", "gradient"), ("blue lion", "noto"),
    ("purple octopus", "twemoji"), ("yellow heart with sunglasses", "noto"), ("cat with sunglasses", "noto"),
    ("dog with sunglasses", "3d"),
    ("ghost with sunglasses", "flat"), ("panda with tears", "noto"), ("crying sun", "twemoji"),
    ("angry cat", "gradient"), ("sleeping fox", "noto"), ("smiling apple", "3d"),
    ("robot cat", "noto"), ("heart on rocket", "flat"), ("orange umbrella", "noto"), ("black penguin heart", "3d"),
    ("snowman with sunglasses", "twemoji"), ("green star", "gradient"),
)  # fmt: skip
