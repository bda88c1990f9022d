"""What goes on round the page; nothing here knows the chat. Streamlit does not load these files anew after an edit."""
