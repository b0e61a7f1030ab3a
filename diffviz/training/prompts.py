"""The fixed prompts that every grid shows, so that two checkpoints can be compared by eye."""

from __future__ import annotations

# (prompt, style); picture i of a grid always starts from seed i.
EVERYDAY_32: tuple[tuple[str, str], ...] = (
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
