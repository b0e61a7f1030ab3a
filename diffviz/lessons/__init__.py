"""What the lessons ask: content, grading. No torch and no streamlit in here."""
