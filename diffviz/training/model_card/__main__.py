"""`python -m diffviz.training.model_card` writes the model card."""

from diffviz.training.model_card.report import main

main()
