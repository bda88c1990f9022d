"""Gemini at Google's Vertex AI, in the project that the environment names."""

import os
from typing import Any

from langchain_google_genai import ChatGoogleGenerativeAI


class ChatVertexAI(ChatGoogleGenerativeAI):
    """ChatGoogleGenerativeAI at Vertex AI; the class that langchain-google-vertexai has for it is deprecated."""

    def __init__(self, **arguments: Any) -> None:
        """Make the client.

        Parameters:
            arguments: As for ChatGoogleGenerativeAI.
        """
        # Google's client reads the variable too, but forgets the project when its requests go to a gateway.
        super().__init__(vertexai=True, project=os.environ.get("GOOGLE_CLOUD_PROJECT"), **arguments)
