"""What goes on around the page; nothing here knows the chat. Streamlit does not reload these files after an edit."""
