"""The only package, besides the pages, that imports streamlit."""
