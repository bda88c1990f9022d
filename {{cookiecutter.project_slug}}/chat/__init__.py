"""The chat: a question goes to the model, its answer grows into the history, and the page draws both."""
