"""The model card, assets/MODEL.md: `python -m diffviz.training.model_card` writes it."""
