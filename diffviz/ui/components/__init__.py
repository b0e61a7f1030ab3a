"""Streamlit components of our own: frame player, image gallery, drawing pad, sortable list, timer."""
